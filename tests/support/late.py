"""A capture of the venue ``sim`` with late trades, written without any project code, and who is late in it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from typing import NamedTuple

START_MS = 1_767_623_400_000  # 2026-01-05T14:30:00Z


class Late(NamedTuple):
    """What was written; windows are (symbol, start in ms) of one second each.

    ``on_time``: trades per window that are received within 22 ms of their event. ``behind``: the others, received 5 to
    30 s after it. ``end_ms``: the last event time.
    """

    on_time: dict[tuple[str, int], int]
    behind: dict[tuple[str, int], int]
    end_ms: int


def write(path: Path, symbols: int, seconds: int, per_second: int, share: float, seed: int) -> Late:
    """Write ``per_second`` trades per symbol and second; ``share`` of them are late by 5 to 30 s."""
    dice = Random(seed)
    on_time: dict[tuple[str, int], int] = {}
    behind: dict[tuple[str, int], int] = {}
    lines: list[tuple[int, bytes]] = []
    number = end_ms = 0
    for second in range(START_MS, START_MS + seconds * 1000, 1000):
        for symbol in range(symbols):
            name = f"S{symbol}USDT"
            for _ in range(per_second):
                number += 1
                time, late = second + dice.randrange(1000), dice.random() < share
                counts = behind if late else on_time
                counts[name, second] = counts.get((name, second), 0) + 1
                delay = dice.randrange(5_000, 30_000) if late else dice.randrange(2, 22)
                lines.append((time + delay, _trade(name, number, time, dice)))
                end_ms = max(end_ms, time)
    lines.sort(key=lambda line: line[0])
    with gzip.open(path, "wb", 1) as out:
        out.writelines(b"%d %s\n" % (at * 1_000_000, frame) for at, frame in lines)
    return Late(on_time, behind, end_ms)


def _trade(symbol: str, number: int, time: int, dice: Random) -> bytes:
    price, size = f"{dice.randrange(1, 90_000)}.{dice.randrange(100):02}", f"0.{dice.randrange(1, 1000):03}"
    body = {"e": "trade", "E": time, "T": time, "s": symbol, "t": number, "p": price, "q": size}
    frame = {"stream": f"{symbol.lower()}@trade", "data": {**body, "m": dice.random() < 0.5}}
    return json.dumps(frame, separators=(",", ":")).encode()
