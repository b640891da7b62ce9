"""Measure the window fold: ns of CPU a trade, beside today's path in the same run.

    python -m benchmarks.windows [--records 200000] [--repeats 3]

Blocks of 250 and 4,000 trades, 10, 1,000 and 100,000 entities, 5 % late by up to 30 s. The fold is what Flink and Spark
run: wire bytes in, wire bytes of bars of five intervals out, with first results at the watermark, corrections,
ticks, the sweep, and deltas of the state once per 10 s of event time. The reference is a plain loop that reduces with
sort keys and exact sums in Python dictionaries, and finishes nothing. So the ratio is a lower bound.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from statistics import median
from time import thread_time_ns
from typing import NamedTuple

import numpy as np

from schemas.catalog import INTERVALS
from schemas.contracts import contract
from udfs.kernels.slices import Slices
from udfs.values.times import DAY, SECOND
from udfs.windows.definition import BARS, QUOTE_BARS, Definition
from udfs.windows.fold import WindowFold
from udfs.windows.kernels import layout as at
from udfs.wire.avro import write_decimal, write_long, write_text

START = 1_767_571_200 * SECOND
RATE = 5_000  # trades per second of event time
LATE, LATEST = 0.05, 30 * SECOND
ENTITIES = (10, 1_000, 100_000)
#: It does not revise, so its trades are not logged.
VENUE = "binance_usdm"
TICK, SAVE = 2 * SECOND, 10 * SECOND


class Made:
    """Records in log order: their bytes, their times, and what a plain loop needs of them."""

    def __init__(self, kind: str, count: int, entities: int, seed: int = 7) -> None:
        rng, seqs = Random(seed), [0] * entities
        head = contract(kind).header
        values, self.times, self.rows = [], [], []
        for i in range(count):
            ingest = START + i * SECOND // RATE
            time = ingest - (rng.randrange(LATEST) if rng.random() < LATE else rng.randrange(20_000))
            who = int(entities * rng.random() ** 2)  # some are much busier than others
            seqs[who] += 1
            price, size = 10**12 * 100 + rng.randrange(10**12), rng.randrange(1, 10**13)
            side = "buy" if rng.random() < 0.5 else "sell"
            symbol = f"SYM{who:05d}"
            name = f"{VENUE}:{symbol}"
            parts = [
                head, write_text(f"{name}:trade:{i}"), write_text(name), write_text(VENUE), write_text(symbol),
                write_long(time), write_text("venue"), write_long(ingest), write_long(ingest // DAY),
                write_long(seqs[who]), write_text("sim-1"), write_long(i), write_text(str(i)),
            ]  # fmt: skip
            if kind == "trade":
                parts += [write_decimal(price, 28), write_decimal(size, 28), write_text(side)]
                self.rows.append((name, time, ingest // DAY, seqs[who], str(i), price, size, side == "buy"))
            else:
                parts += [write_decimal(v, 28) for v in (price, size, price + 10**9, size)]
            values.append(b"".join(parts))
            self.times.append(time)
        self.values = values

    def blocks(self, size: int) -> Iterator[tuple[Slices, int, int]]:
        """Yield blocks with their first index and newest event time."""
        for begin in range(0, len(self.values), size):
            part = self.values[begin : begin + size]
            yield Slices.of(part), begin, max(self.times[begin : begin + size])


class Run(NamedTuple):
    """What a fold took and left: ns of CPU, records published, bytes of deltas, and the fold before it was closed."""

    ns: int
    published: int
    deltas: int
    snapshot: bytes
    entities: int


def run_fold(definition: Definition, blocks: list[tuple[Slices, int, int]]) -> Run:
    """Fold blocks as a stream does; the snapshot that is taken in between does not count."""
    topic = next(iter(definition.readers))
    fold = WindowFold(definition)
    watermark, ticked, saved, published, state = START - SECOND, START, START, 0, 0
    spent = 0
    for values, _, newest in blocks:
        began = thread_time_ns()
        watermark = max(watermark, newest - SECOND)
        fold.fold(topic, values)
        out = fold.emit(watermark, tick=newest - ticked >= TICK)
        published += len(out.results)
        if newest - ticked >= TICK:
            ticked = newest
        if newest - saved >= SAVE:
            state += len(fold.delta())
            saved = newest
        spent += thread_time_ns() - began
    snapshot, entities = fold.snapshot(), fold.count(at.ENTITIES)
    began = thread_time_ns()
    published += len(fold.close().results)
    return Run(spent + thread_time_ns() - began, published, state, snapshot, entities)


def run_plain(made: Made) -> int:
    """Return ns of CPU of a loop that reduces in plain Python, and finishes nothing."""
    began = thread_time_ns()
    windows: dict[tuple[str, str, int], list[object]] = {}
    seen: dict[tuple[str, int], int] = {}
    for name, time, date, seq, trade_id, price, size, bought in made.rows:
        if seq <= seen.get((name, date), 0):
            continue
        seen[name, date] = seq
        decimal = Decimal(price).scaleb(-12)
        key = f"{time}{(100_000 + date) * 10**12 + seq}|{decimal}|{trade_id}"
        sums = (size, price * size, size * bought, price * size * bought)
        for interval, length in INTERVALS.items():
            at = (name, interval, time // length * length)
            found = windows.get(at)
            if found is None:
                windows[at] = [1, key, key, decimal, decimal, list(sums)]
                continue
            found[0] += 1  # type: ignore[operator]
            found[1], found[2] = min(found[1], key), max(found[2], key)  # type: ignore[call-overload]
            found[3], found[4] = max(found[3], decimal), min(found[4], decimal)  # type: ignore[call-overload]
            found[5] = [a + b for a, b in zip(found[5], sums, strict=True)]  # type: ignore[call-overload]
    return thread_time_ns() - began


def main() -> None:
    """Print one line per case: median ns a record of the fold, the spread, and the ratio to the plain loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print("kind    entities  block  ns/record (spread)   told/record  state B/record  plain ns  ratio")
    for kind, definition in (("trade", BARS), ("quote", QUOTE_BARS)):
        for entities in ENTITIES:
            made = Made(kind, given.records, entities)
            cut = {size: list(made.blocks(size)) for size in (250, 4_000)}
            spent: dict[int, list[float]] = {size: [] for size in cut}
            plain: list[float] = []
            published = state = 0
            for _ in range(given.repeats):
                for size, blocks in cut.items():
                    run = run_fold(definition, blocks)
                    published, state = run.published, run.deltas
                    spent[size].append(run.ns / given.records)
                if kind == "trade":
                    plain.append(run_plain(made) / given.records)
            for size, found in spent.items():
                beside = f"{median(plain):8.0f}  {median(plain) / median(found):5.1f}" if plain else ""
                print(
                    f"{kind:6} {entities:9,} {size:6,}  {median(found):7.0f} ({np.ptp(found):4.0f})  "
                    f"{published / given.records:17.2f} {state / given.records:15.0f}  {beside}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
