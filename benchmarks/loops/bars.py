"""The light loop's other variant: the venue's JSON in, copies out, one-second bars of floats out as JSON.

Started by ``python -m benchmarks.loops.bars <task>``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from orjson import dumps

from benchmarks.loops.clients import Task
from benchmarks.loops.light import Out, fresh, run

#: A bar is written when its symbol is so many seconds past it: the latest trade comes 10 s late.
PATIENCE_S = 15


class Bars:
    """One-second bars of the trades, and of the quotes, of each symbol."""

    def __init__(self) -> None:
        self._read = fresh()
        self._open: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
        self._newest: dict[tuple[str, str], int] = {}

    def add(self, value: bytes) -> Out:
        """Take a frame; return the bars that are complete with it."""
        frame = self._read(value)
        if frame is None:
            return ()
        who, second = (frame["s"], frame["e"]), frame["T"] // 1000
        bars = self._open.setdefault(who, {})
        if who[1] == "trade":
            trade(bars, second, frame)
        else:
            quote(bars, second, frame)
        if second <= self._newest.get(who, 0):
            return ()
        self._newest[who] = second
        done = [start for start in bars if start < second - PATIENCE_S]
        return [(who[0], dumps(bars.pop(start))) for start in done]

    def close(self) -> Iterator[tuple[str, bytes]]:
        """Yield the bars that are open at the end."""
        for (symbol, _), bars in self._open.items():
            for bar in bars.values():
                yield symbol, dumps(bar)


def trade(bars: dict[int, dict[str, Any]], second: int, frame: dict[str, Any]) -> None:
    """Add a trade to the bar of its second."""
    price, size, time = float(frame["p"]), float(frame["q"]), frame["T"]
    bar = bars.get(second)
    if bar is None:
        bars[second] = {
            "kind": "trade", "symbol": frame["s"], "second": second, "first": time, "last": time, "open": price,
            "high": price, "low": price, "close": price, "volume": size, "count": 1,
        }  # fmt: skip
        return
    bar["volume"] += size
    bar["count"] += 1
    if price > bar["high"]:
        bar["high"] = price
    elif price < bar["low"]:
        bar["low"] = price
    if time >= bar["last"]:
        bar["last"], bar["close"] = time, price
    elif time < bar["first"]:
        bar["first"], bar["open"] = time, price


def quote(bars: dict[int, dict[str, Any]], second: int, frame: dict[str, Any]) -> None:
    """Add a quote to the bar of its second."""
    time = frame["T"]
    bar = bars.get(second)
    if bar is None:
        bars[second] = {
            "kind": "quote", "symbol": frame["s"], "second": second, "last": time, "count": 1,
            "bid": float(frame["b"]), "ask": float(frame["a"]),
        }  # fmt: skip
        return
    bar["count"] += 1
    if time >= bar["last"]:
        bar["last"], bar["bid"], bar["ask"] = time, float(frame["b"]), float(frame["a"])


if __name__ == "__main__":
    run(Bars(), Task.of(sys.argv[1]))
