"""Resolve cancels and corrections to one verdict per trade, for a batch that has all of them (law 5).

A revision means the trade of its entity, id *and* time: so it always lies in the windows that it changes, and each of
them counts it. Per trade a cancel wins; else the correction that is last by (revision, event_time, ingest_date,
entity_seq) replaces price and size, while time, order and aggressor stay the trade's. A revision of a trade that is not
there counts and changes nothing, until the trade comes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as fn

from batch.spark.topics import contents
from schemas.catalog import CANCEL, CORRECT
from udfs.kernels.slices import Bits, Longs
from udfs.values.decimals import PLACES
from udfs.windows.kernels.revised import CANCELLED, CORRECTED
from udfs.wire.avro import unscaled

#: (entity, venue's trade id, event time in µs) of a revised trade → new price and size, ·1e12; None: it is cancelled.
Resolved = Mapping[tuple[str, str, int], tuple[int, int] | None]
_TRADE = ("entity_id", "venue_trade_id", "trade_time")
_ORDER = ("revision", "event_time", "ingest_date", "entity_seq")
_REPLACED = ("price", "size")
_WORD = 1 << 64


def resolve(cancels: DataFrame, corrections: DataFrame) -> Resolved:
    """Return what became of each trade that a revision means.

    Args:
        cancels: wire bytes of cancels, in ``value``.
        corrections: those of corrections.
    """
    gone = contents(cancels, CANCEL).select(*_TRADE).distinct()
    last = fn.max_by(fn.struct(*_REPLACED), fn.struct(*_ORDER)).alias("new")
    found: dict[tuple[str, str, int], tuple[int, int] | None] = {}
    for row in contents(corrections, CORRECT).groupBy(*_TRADE).agg(last).collect():
        found[row.entity_id, row.venue_trade_id, row.trade_time] = (
            unscaled(row.new.price, PLACES),
            unscaled(row.new["size"], PLACES),
        )
    return found | {(row.entity_id, row.venue_trade_id, row.trade_time): None for row in gone.collect()}


def verdicts(trades: pa.RecordBatch, resolved: Resolved) -> tuple[Bits, Longs]:
    """Return what became of each trade of a batch, and its new numbers, as `udfs.windows.partial.as_revised` has them.

    Args:
        trades: columns ``entity_id``, ``venue_trade_id`` and ``event_time``.
        resolved: what became of the revised ones.
    """
    verdict = np.zeros(trades.num_rows, dtype=np.int8)
    numbers = np.zeros((trades.num_rows, 4), dtype=np.int64)
    ids = trades.column("venue_trade_id")
    marked = pc.is_in(ids, value_set=pa.array({key[1] for key in resolved}, pa.string()))
    for row in np.flatnonzero(marked.to_numpy(zero_copy_only=False)).tolist():
        key = trades.column("entity_id")[row].as_py(), ids[row].as_py(), trades.column("event_time")[row].as_py()
        if key not in resolved:
            continue
        new = resolved[key]
        verdict[row] = CANCELLED if new is None else CORRECTED
        if new is not None:
            words = np.array([part for value in new for part in (value % _WORD, value // _WORD)], dtype=np.uint64)
            numbers[row] = words.view(np.int64)
    return verdict, numbers.reshape(-1)
