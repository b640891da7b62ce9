"""What a record costs, and what a state weighs, as entities grow: the kernels alone, without Flink.

CPU time of the kernels in blocks of 1,000 records, as a busy shard has them. State is what a checkpoint keeps of it: a
snapshot at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import thread_time_ns
from typing import Any

from benchmarks.measure import spread
from benchmarks.windows import ENTITIES, Made, run_fold
from polyglot.collect.sim import SimSpec, Simulator
from polyglot.collect.wrap import Wrapper
from schemas.domains import raw_topic
from udfs.codec.slices import Slices
from udfs.envelope import decode
from udfs.normalize import Normalizer
from udfs.windows import layout as at
from udfs.windows.definition import BARS, QUOTE_BARS, Definition
from udfs.windows.fold import WindowFold

BLOCK = 1_000


def grown(records: int, repeats: int) -> dict[str, list[dict[str, Any]]]:
    """Return, for normalize and both window folds, a line for each number of entities.

    A line has ns per record with its spread, the bytes of a snapshot, per entity and per window; normalize remembers
    ids instead of windows, so all of its bytes are per entity.
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
    found = [run() for _ in range(repeats)]
    costs = [one.pop("ns") for one in found]
    return {"entities": entities, "ns": round(median(costs)), "spread": spread(costs), **found[-1]}


def _normalize(records: int, entities: int) -> Callable[[], dict[str, float]]:
    source = Simulator(SimSpec(symbols=entities, trade_share=1.0, depth_share=0.0, malformed_share=0.0), records)
    wrapper = Wrapper("sim", source.source_id)
    values = [value for block in source.blocks(0) for value in wrapper.wrap(block)]
    blocks = [Slices.of(values[at : at + BLOCK]) for at in range(0, len(values), BLOCK)]

    def run() -> dict[str, float]:
        kernel = Normalizer(raw_topic("sim", "trade"))
        began = thread_time_ns()
        for block in blocks:
            kernel.process(decode(block)[0]).trades.wire()
            kernel.delta()
        spent = thread_time_ns() - began
        state = len(kernel.snapshot())
        return {"ns": spent / len(values), "state": state, "per_entity": round(state / entities, 1)}

    return run


def _windows(kind: str, definition: Definition, records: int, entities: int) -> Callable[[], dict[str, float]]:
    blocks = list(Made(kind, records, entities).blocks(BLOCK))

    def run() -> dict[str, float]:
        done = run_fold(definition, blocks)
        fold = WindowFold.restore(definition, [done.snapshot])
        windows = fold.count(at.ROWS)
        names, _ = fold.slice(0, done.entities)
        return {
            "ns": done.ns / records,
            "state": len(done.snapshot),
            "windows": windows,
            "per_entity": round(len(names) / done.entities, 1),
            "per_window": round((len(done.snapshot) - len(names)) / max(1, windows), 1),
        }

    return run
