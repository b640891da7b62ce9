"""What a record costs, and what a state weighs, as entities grow: the kernels alone, without Flink.

CPU time of the kernels in blocks of 1,000 records, as a busy shard has them. State is what a checkpoint keeps of it: a
snapshot at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from statistics import median
from time import thread_time_ns
from typing import Any

from benchmarks.measure import spread
from benchmarks.windows import ENTITIES, RATE, START, Made, run_fold
from runtime.console import CommandError
from schemas.domains import domains, raw_topic
from udfs.kernels.slices import Slices
from udfs.normalize.normalizer import Normalizer
from udfs.values.times import SECOND
from udfs.windows.definition import BARS, QUOTE_BARS, Definition
from udfs.windows.fold import WindowFold
from udfs.windows.kernels import layout as at
from udfs.wire.envelope import decode, encode_one

BLOCK = 1_000


def grown(records: int, repeats: int) -> dict[str, list[dict[str, Any]]]:
    """Return, for normalize and both window folds, a line for each number of entities.

    A line has ns per record with its spread, how many entities were ``seen``, the bytes of a snapshot (``state``), how
    many windows are open (normalize: ids remembered; ``kept``), and bytes per entity and per window or id. A window
    fold's snapshot tells its entities and windows apart; normalize's does not, so all of it counts for both.

    Raises:
        CommandError: normalize did not accept every record.
    """
    runs: dict[str, Callable[[int], Callable[[], dict[str, float]]]] = {
        "normalize, trades": lambda entities: _normalize(records, entities),
        "bars of five intervals": lambda entities: _windows("trade", BARS, records, entities),
        "quote bars": lambda entities: _windows("quote", QUOTE_BARS, records, entities),
    }
    return {
        name: [_line(entities, prepare(entities), repeats) for entities in ENTITIES] for name, prepare in runs.items()
    }


def _line(entities: int, run: Callable[[], dict[str, float]], repeats: int) -> dict[str, Any]:
    run()  # kernels are loaded by it
    found = [run() for _ in range(repeats)]
    costs = [one.pop("ns") for one in found]
    return {"entities": entities, "ns": round(median(costs)), "spread": spread(costs), **found[-1]}


def _frames(records: int, entities: int, seed: int = 7) -> Iterator[tuple[str, bytes]]:
    """Yield entities and raw trades in log order, as many a second as `Made` has, some entities much busier."""
    rng = Random(seed)
    for i in range(records):
        received = START + i * SECOND // RATE
        time, symbol = received // 1000 - rng.randrange(20), f"SYM{int(entities * rng.random() ** 2):05d}"
        entity = f"sim:{symbol}"
        data = (
            f'"e":"trade","E":{time},"T":{time},"s":"{symbol}","t":{i},"p":"{100 + i % 977}.25","q":"0.{i % 997 + 1}"'
        )
        payload = f'{{"stream":"{symbol.lower()}@trade","data":{{{data},"X":"MARKET","m":true}}}}'.encode()
        named = (f"{entity}:trade:{i}", entity, "sim", "trade", time * 1000, "venue", received, "sim-1", i + 1)
        yield entity, encode_one(*named, payload)


def _normalize(records: int, entities: int) -> Callable[[], dict[str, float]]:
    who, values = zip(*_frames(records, entities), strict=True)
    seen = len(set(who))
    blocks = [Slices.of(values[at : at + BLOCK]) for at in range(0, records, BLOCK)]

    def run() -> dict[str, float]:
        kernel, accepted = Normalizer(raw_topic("sim", "trade")), 0
        began = thread_time_ns()
        for block in blocks:
            out = kernel.process(decode(block)[0])
            out.trades.wire()
            kernel.delta()
            accepted += len(out.trades)
        spent = thread_time_ns() - began
        if accepted != records:
            raise CommandError(f"normalize accepted {accepted:,} of {records:,} records")
        state = len(kernel.snapshot())
        kept = min(records, RATE * remembered_s())
        return {
            "ns": spent / records, "seen": seen, "state": state, "per_entity": round(state / seen, 1),
            "kept": kept, "per_kept": round(state / kept, 1),
        }  # fmt: skip

    return run


def remembered_s() -> int:
    """Return for how many seconds a raw topic's ids are remembered."""
    topic = domains().topics[raw_topic("sim", "trade")]
    return (topic.horizon_ms + topic.max_skew_ms) // 1000


def _windows(kind: str, definition: Definition, records: int, entities: int) -> Callable[[], dict[str, float]]:
    blocks = list(Made(kind, records, entities).blocks(BLOCK))

    def run() -> dict[str, float]:
        done = run_fold(definition, blocks)
        fold = WindowFold.restore(definition, [done.snapshot])
        windows = fold.count(at.ROWS)
        names, _ = fold.slice(0, done.entities)
        return {
            "ns": done.ns / records,
            "seen": done.entities,
            "state": len(done.snapshot),
            "per_entity": round(len(names) / done.entities, 1),
            "kept": windows,
            "per_kept": round((len(done.snapshot) - len(names)) / max(1, windows), 1),
        }

    return run
