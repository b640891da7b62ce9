"""What both flows do to a frame; the same records as ``benchmarks.loops.light`` writes."""

from __future__ import annotations

from typing import Any

#: How many ids are remembered for each symbol and kind: more than three seconds of the busiest one.
REMEMBERED = 5_000


def own_id(frame: dict[str, Any]) -> int:
    """Return the venue's number of a frame."""
    number: int = frame["t"] if frame["e"] == "trade" else frame["u"]
    return number


def numbered(frame: dict[str, Any], seq: int) -> dict[str, Any]:
    """Return the standard record of a frame."""
    if frame["e"] == "trade":
        return {
            "kind": "trade", "symbol": frame["s"], "seq": seq, "id": frame["t"], "time": frame["T"],
            "price": frame["p"], "size": frame["q"], "side": "sell" if frame["m"] else "buy",
        }  # fmt: skip
    return {
        "kind": "quote", "symbol": frame["s"], "seq": seq, "id": frame["u"], "time": frame["T"],
        "bid": frame["b"], "bid_size": frame["B"], "ask": frame["a"], "ask_size": frame["A"],
    }  # fmt: skip
