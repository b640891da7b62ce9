"""Trades as their cancels and corrections leave them, for a batch that has all of them (law 5).

A revision means the trade of its entity, id *and* time: so it always lies in the windows that it changes, and each of
them counts it. Per trade a cancel wins; else the correction that is last by (revision, event_time, ingest_date,
entity_seq) replaces price and size, while time, order and aggressor stay the trade's. A revision of a trade that is not
there counts and changes nothing, until the trade comes.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as fn

import sql
from batch import topics
from udfs.revisions import KINDS

CANCEL, CORRECT = KINDS
_REPLACED = (
    "price",
    *(f"size_l{k}" for k in range(3)),
    *(f"notional_l{k}" for k in range(4)),
)
_TRADE = ("entity_id", "venue_trade_id", "trade_time")
_ORDER = ("revision", "event_time", "ingest_date", "entity_seq")


def decoded(values: DataFrame, kind: str) -> DataFrame:
    """Return a contract's columns of the wire bytes in ``value``."""
    return values.select(topics.decoded(fn.col("value"), kind).alias("d")).select("d.*")


def revised(cancels: DataFrame, corrections: DataFrame, trades: str) -> str:
    """Return the SELECT of keyed rows: the trades of a view as revised, and the revisions themselves.

    Args:
        cancels: wire bytes of cancels, in ``value``.
        corrections: those of corrections.
        trades: view of the ``trade`` contract's columns.
    """
    spark = cancels.sparkSession
    taken_back, corrected = decoded(cancels, CANCEL), decoded(corrections, CORRECT)
    taken_back.createOrReplaceTempView("revised_by_cancel")
    corrected.createOrReplaceTempView("revised_by_correction")
    last = corrected.groupBy(*_TRADE).agg(fn.max_by(fn.struct(*_REPLACED), fn.struct(*_ORDER)).alias("new"))
    gone = taken_back.select(*_TRADE, fn.lit(True).alias("cancelled")).distinct()
    found = last.join(gone, list(_TRADE), "full").select(
        *(fn.col(name).alias(f"revised_{name}") for name in _TRADE), "cancelled", "new"
    )
    rows = spark.table(trades)
    same = [rows.entity_id == found.revised_entity_id, rows.venue_trade_id == found.revised_venue_trade_id]
    joined = rows.join(fn.broadcast(found), [*same, rows.event_time == found.revised_trade_time], "left")
    joined.select(
        "entity_id", "event_time", "ingest_date", "entity_seq", "venue_trade_id", "aggressor",
        *(_as_revised(name) for name in _REPLACED),
    ).createOrReplaceTempView("revised_trades")  # fmt: skip
    parts = [sql.keyed("bar", "spark", "revised_trades")]
    parts += [sql.keyed_revisions("spark", f"revised_by_{each}") for each in ("cancel", "correction")]
    return " UNION ALL ".join(f"({part})" for part in parts)


def _as_revised(name: str) -> Column:
    """Return a column of a trade: nothing of a cancelled one, the new value of a corrected one."""
    nothing = fn.lit(None) if name == "price" else fn.lit(0)
    return fn.when(fn.col("cancelled"), nothing).otherwise(fn.coalesce(f"new.{name}", name)).alias(name)
