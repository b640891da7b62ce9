"""An independent oracle of revised bars: the venue's frames resolved in plain Python, without any project code."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from support.oracle import LENGTHS, OracleBar

Bars = dict[tuple[str, str, int], dict[str, Any]]
_ZEROS = dict.fromkeys(
    ("open", "close", "high", "low", "volume", "notional", "vwap", "buy_volume", "buy_notional"), Decimal(0)
)


def revised_bars(frames: Iterable[tuple[dict[str, Any], int]], entity_id: str) -> Bars:
    """Return (entity, interval, window start in µs) → bar of one instrument's accepted frames.

    Args:
        frames: bodies of trades, cancels and corrections with their positions in the log of their ingest dates; no
            event twice. Event times within one ingest date's log decide ties by position.
        entity_id: the instrument.
    """
    trades, cancelled, corrected, events = [], set(), {}, []
    for body, position in frames:
        if body["e"] == "trade":
            trades.append((body, position))
            events.append(body["T"])
            continue
        events.append(body["O"])
        what = body["t"], body["O"]
        if body["e"] == "tradeCancel":
            cancelled.add(what)
        else:
            order = (body["r"], body["T"], position)
            corrected[what] = max(corrected.get(what, ((-1, 0, 0), "", "")), (order, body["p"], body["q"]))
    windows: dict[tuple[str, int], OracleBar] = {}
    versions: dict[tuple[str, int], int] = {}
    for name, seconds in LENGTHS.items():
        length = seconds * 1_000
        for time in events:
            key = name, time // length * length
            versions[key] = versions.get(key, 0) + 1
        for body, position in trades:
            what = body["t"], body["T"]
            if what in cancelled:
                continue
            _, price, size = corrected.get(what, (None, body["p"], body["q"]))
            row = ((body["T"], position, 0), Decimal(price), Decimal(size), str(body["t"]), not body["m"])
            windows.setdefault((name, body["T"] // length * length), OracleBar()).trades.append(row)
    return {
        (entity_id, name, start * 1_000): {**_bar(windows.get((name, start))), "version": version}
        for (name, start), version in versions.items()
    }


def _bar(window: OracleBar | None) -> dict[str, Any]:
    if window is None:
        return {**_ZEROS, "trade_count": 0, "first_trade_id": "", "last_trade_id": ""}
    return window.fields()
