"""Converged views in one shape: whatever a store is, it becomes (day, key, row, fields).

``row`` is a SHA-256 of the record: of its wire bytes in topics, of its columns as canonical text in tables. ``fields``
are those texts, for a report; Spark does not compute them until a difference is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as fn
from pyspark.sql.types import DataType

from batch.ranges import Span
from batch.spark import topics
from batch.spark.columns import VALUE, columns
from schemas import catalog
from schemas.catalog import BARS, DATED_BY, DAY, NORMALIZED

UNREADABLE = "(not readable)"


@dataclass(frozen=True)
class View:
    """Rows of one store: day STRING, key STRING, row BINARY (32), fields ARRAY<STRING> named by `names`.

    `empty`: it is known that there are none, so that nothing need be read to find out. Most rare topics are.
    `digested`: the same rows' day and row alone, where these are had with less work.
    """

    rows: DataFrame
    names: tuple[str, ...]
    empty: bool = False
    digested: DataFrame | None = None


def types(kind: str) -> dict[str, DataType]:
    return {field.name: field.dataType for field in columns(kind)}


def iso_day(us: Column | str) -> Column:
    """Return µs UTC as ``YYYY-MM-DD``."""
    column = fn.col(us) if isinstance(us, str) else us
    return iso_date(fn.floor(column / fn.lit(DAY)).cast("int"))


def iso_date(days: Column | str) -> Column:
    """Return days since the epoch as ``YYYY-MM-DD``."""
    return fn.date_from_unix_date(fn.col(days) if isinstance(days, str) else days).cast("string")


def versioned(kind: str) -> bool:
    """Whether records of a kind replace each other by ``version``."""
    return "version" in catalog.columns(kind)


def key_of(kind: str) -> Column:
    """Return the composite key as the Gold tables spell it."""
    return fn.concat_ws("|", *(fn.col(f"`{name}`").cast("string") for name in catalog.key(kind)))


def day_of(kind: str) -> Column:
    """Return the day under which a record is counted: ingest date of facts, event date of bars."""
    if kind in DATED_BY:
        return event_date(kind)
    return iso_date("ingest_date") if kind in NORMALIZED else iso_day("event_time")


def event_date(kind: str) -> Column:
    """Return the date of a derived record."""
    return iso_day(DATED_BY[kind]) if kind in BARS else iso_date(DATED_BY[kind])


def within(kind: str, span: Span, entity: str | None) -> Callable[[DataFrame], DataFrame]:
    """Return the filter to a range and an entity; what is not readable always stays in."""
    predicate = span.sql_window() if kind in BARS else span.sql_event()
    if entity:
        escaped = entity.replace("\\", "\\\\").replace("'", "\\'")
        predicate = f"({predicate}) AND entity_id = '{escaped}'"
    return lambda rows: rows.where(f"entity_id IS NULL OR ({predicate})")


def canonical(columns: Sequence[Column]) -> Column:
    """Return one text for a row: each value with its length before it, so that no two rows have the same text."""
    parts = [
        fn.coalesce(fn.concat(fn.length(text).cast("string"), fn.lit(":"), text), fn.lit("~"))
        for text in (column.cast("string") for column in columns)
    ]
    return fn.concat(*parts)


def sha256(column: Column) -> Column:
    return fn.unhex(fn.sha2(column.cast("binary"), 256))


def half_sums(hashed: Column) -> list[Column]:
    """Return the sums of both halves of a 64-bit hash: as many rows as there can be fit a BIGINT."""
    return [fn.sum(half) for half in (fn.shiftright(hashed, 32), hashed.bitwiseAND(fn.lit(0xFFFFFFFF)))]


def nothing(like: View) -> View:
    """Return the empty view of a store that does not exist, or has no records."""
    return replace(like, rows=like.rows.where("false"), empty=True, digested=None)


# --- wire bytes ---


def of_values(rows: DataFrame, kind: str, span: Span, entity: str | None) -> View:
    """Return the view of records with a column ``value`` as they are, one row a record."""
    names = (*catalog.columns(kind), VALUE)
    # A record without a value still is a record: it must not hash to null.
    day, row = fn.coalesce(day_of(kind), fn.lit(UNREADABLE)).alias("day"), sha256(fn.coalesce(VALUE, fn.lit(b"")))
    decoded = rows.select(VALUE, topics.decoded(fn.col(VALUE), kind).alias("d"))
    flat = within(kind, span, entity)(decoded.select(VALUE, "d.*"))
    texts = [fn.col(f"`{name}`").cast("string") for name in names[:-1]] + [fn.hex(VALUE)]
    unreadable = fn.col("entity_id").isNull()
    return View(
        flat.select(
            day,
            fn.when(unreadable, fn.concat(fn.lit(UNREADABLE), fn.hex(sha256(fn.col("value")))))
            .otherwise(key_of(kind))
            .alias("key"),
            row.alias("row"),
            fn.array(*texts).alias("fields"),
            *([fn.col("version")] if versioned(kind) else []),
        ),
        names,
    )


def first_copies(view: View) -> View:
    """Return a topic of facts as a set: the same bytes may repeat, the same key with other bytes stays and differs."""
    return replace(view, rows=view.rows.dropDuplicates(["day", "key", "row"]), digested=None)


def latest(view: View) -> View:
    """Return a topic of versions as its latest per key; two different records of one version both stay, and differ."""
    newest = Window.partitionBy("key")
    distinct = view.rows.dropDuplicates(["key", "row"]).withColumn("newest", fn.max("version").over(newest))
    newest_only = distinct.where("version IS NULL OR version = newest").drop("newest", "version")
    return replace(view, rows=newest_only, digested=None)


# --- columns ---


def table_names(store: str, kind: str) -> list[str]:
    """Return the columns of a table of a kind in `store` (silver, gold or clickhouse)."""
    if store == "silver":
        return catalog.columns(kind)
    return [*(["bar_key"] if store == "gold" else []), *catalog.columns(kind), "event_date"]


def typed(rows: DataFrame, store: str, kind: str, span: Span, entity: str | None) -> DataFrame:
    """Return a table's rows with a contract's columns and their types; a column it lacks is null."""
    names = table_names(store, kind)
    have = set(rows.columns)
    kinds = types(kind)
    columns = {
        name: (fn.col(f"`{name}`") if name in have else fn.lit(None)).cast(
            "string" if name in ("ingest_date", "event_date") else kinds.get(name, "string")
        )
        for name in names
    }
    return within(kind, span, entity)(rows.select(*(column.alias(name) for name, column in columns.items())))


def of_table(rows: DataFrame, store: str, kind: str, span: Span, entity: str | None) -> View:
    """Return the view of a table; a column that it lacks differs, because it is null."""
    day = "ingest_date" if store == "silver" else "event_date"
    return _texts(typed(rows, store, kind, span, entity), table_names(store, kind), kind, day)


def expected_table(values: DataFrame, store: str, kind: str, span: Span, entity: str | None) -> View:
    """Return what a table must hold, decoded from the wire bytes of a replay."""
    names = table_names(store, kind)
    flat = values.select(topics.decoded(fn.col(VALUE), kind).alias("d")).select("d.*")
    flat = within(kind, span, entity)(flat)
    day = "ingest_date" if store == "silver" else "event_date"
    if store == "silver":
        flat = flat.withColumn("ingest_date", iso_date("ingest_date"))
    else:
        flat = flat.withColumn("event_date", event_date(kind)).withColumn("bar_key", key_of(kind))
    return _texts(flat, names, kind, day)


def _texts(rows: DataFrame, names: list[str], kind: str, day: str) -> View:
    columns = [fn.col(f"`{name}`") for name in names]
    return View(
        rows.select(
            fn.coalesce(fn.col(day).cast("string"), fn.lit(UNREADABLE)).alias("day"),
            key_of(kind).alias("key"),
            sha256(canonical(columns)).alias("row"),
            fn.array(*(column.cast("string") for column in columns)).alias("fields"),
        ),
        tuple(names),
    )
