"""An independent oracle: bars of a capture in plain Python, from the venue's JSON, without any project code."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

EXACT = Context(prec=200)
LENGTHS = {"1s": 1, "1m": 60, "5m": 300, "1h": 3600, "1d": 86400}
PLACES = Decimal("1e-12")


def frames(paths: Iterable[Path]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (receive time in ns, the frame's data) of Binance captures."""
    for path in paths:
        with gzip.open(path) as lines:
            for line in lines:
                at, text = line.split(b" ", 1)
                frame = json.loads(text)
                yield int(at), frame.get("data", frame)


@dataclass
class OracleBar:
    """All trades of one window as (order, price, size, id, buyer is taker)."""

    trades: list[tuple[tuple[int, int, int], Decimal, Decimal, str, bool]] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """Return the bar as the contract defines it."""
        rows = sorted(self.trades)
        volume = sum((r[2] for r in rows), Decimal(0))
        notional = sum((EXACT.multiply(r[1], r[2]) for r in rows), Decimal(0))
        bought = [r for r in rows if r[4]]
        return {
            "open": rows[0][1],
            "close": rows[-1][1],
            "high": max(r[1] for r in rows),
            "low": min(r[1] for r in rows),
            "volume": volume,
            "notional": notional,
            "vwap": half_even(Fraction(notional) / Fraction(volume)),
            "trade_count": len(rows),
            "version": len(rows),
            "first_trade_id": rows[0][3],
            "last_trade_id": rows[-1][3],
            "buy_volume": sum((r[2] for r in bought), Decimal(0)),
            "buy_notional": sum((EXACT.multiply(r[1], r[2]) for r in bought), Decimal(0)),
        }


def half_even(value: Fraction) -> Decimal:
    """Round an exact rational once, half to even, to 12 decimals."""
    scaled = value * 10**12
    floor, rest = divmod(scaled.numerator, scaled.denominator)
    twice = 2 * rest
    if twice > scaled.denominator or (twice == scaled.denominator and floor % 2):
        floor += 1
    return Decimal(floor).scaleb(-12, EXACT).quantize(PLACES, ROUND_HALF_EVEN, EXACT)


def bars(paths: Iterable[Path], venue: str) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Return (entity, interval, window start in µs) → bar, over all trades of the captures of a venue."""
    found: dict[tuple[str, str, int], OracleBar] = {}
    for seq, (at, data) in enumerate(frames(paths)):
        if data.get("e") != "trade":
            continue
        # "T" is the trade's own time. Within a millisecond the log's order decides: ingest date, then position.
        time_us = data["T"] * 1000
        order = (time_us, at // 86_400_000_000_000, seq)
        row = (order, Decimal(data["p"]), Decimal(data["q"]), str(data["t"]), not data["m"])
        for interval, seconds in LENGTHS.items():
            length = seconds * 1_000_000
            key = (f"{venue}:{data['s']}", interval, time_us // length * length)
            found.setdefault(key, OracleBar()).trades.append(row)
    return {key: bar.fields() for key, bar in found.items()}


def quote_bars(paths: Iterable[Path], venue: str) -> dict[tuple[str, int], dict[str, Any]]:
    """Return (entity, window start in µs) → quote bar of each second with quotes, over the captures of a venue."""
    last: dict[tuple[str, int], tuple[tuple[int, int, int], dict[str, Any]]] = {}
    count: dict[tuple[str, int], int] = {}
    for seq, (at, data) in enumerate(frames(paths)):
        # Spot's book ticker has neither a type nor a time: then the receive time is its own.
        if data.get("e", "bookTicker") != "bookTicker" or "B" not in data:
            continue
        time_us = data["T"] * 1000 if "T" in data else at // 1000
        order = (time_us, at // 86_400_000_000_000, seq)
        key = (f"{venue}:{data['s']}", time_us // 1_000_000 * 1_000_000)
        count[key] = count.get(key, 0) + 1
        last[key] = max(last.get(key, (order, data)), (order, data), key=lambda one: one[0])
    return {key: _quote_bar(data, count[key]) for key, (_, data) in last.items()}


def _quote_bar(quote: dict[str, Any], count: int) -> dict[str, Any]:
    bid, bid_size, ask, ask_size = (Fraction(quote[name]) for name in ("b", "B", "a", "A"))
    depth = bid_size + ask_size
    return {
        "bid_price": Decimal(quote["b"]),
        "bid_size": Decimal(quote["B"]),
        "ask_price": Decimal(quote["a"]),
        "ask_size": Decimal(quote["A"]),
        "spread": Decimal(quote["a"]) - Decimal(quote["b"]),
        "mid": EXACT.divide(EXACT.add(Decimal(quote["a"]), Decimal(quote["b"])), Decimal(2)),
        "microprice": half_even((bid * ask_size + ask * bid_size) / depth if depth else (bid + ask) / 2),
        "imbalance": half_even((bid_size - ask_size) / depth) if depth else Decimal(0),
        "quote_count": count,
        "version": count,
    }
