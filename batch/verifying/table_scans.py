"""Rows of tables as sums of hashes: out of Parquet files that a worker reads itself, or out of Spark's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch.ranges import Days
from batch.replaying.bronze_files import may_hold
from batch.replaying.files import ArrowFunction, Batches
from batch.spark.views import UNREADABLE, table_names
from batch.verifying.hashes import Mask, kinds, of_arrow, of_columns
from batch.verifying.scans import ENVELOPE, Found, Range, Scanned, add_values
from batch.verifying.sums import Sums, added, summed
from runtime.object_store import size, source
from schemas import catalog
from schemas.catalog import BARS, LOG
from schemas.contracts import contract
from udfs.gate.resubmitted import PREFIX
from udfs.kernels.decoding import DECIMAL, NUMBER

#: The store of Bronze's rows: the envelope's fields, and the frame's place in the log.
BRONZE = "bronze"
_ROWS = 16_384
#: Texts of few values: they are read, and hashed, once each.
_REPEATED = frozenset(
    ("topic", "entity_id", "venue", "symbol", "channel", "event_time_source", "source_id", "ingest_date", "aggressor")
)
#: What `rows_of` and its like give: a day, how many rows, and the parts of their sums as decimal texts.
SUMS_SCHEMA = "form STRING, day STRING, rows BIGINT, parts STRING"


def columns_of(store: str, kind: str) -> dict[str, pa.DataType]:
    """Return the columns of a table that are compared, in order, with the types that the contract asks for."""
    names = [*LOG, *catalog.columns(ENVELOPE), "ingest_date"] if store == BRONZE else table_names(store, kind)
    return {name: _type(store, kind, name) for name in names}


def _type(store: str, kind: str, name: str) -> pa.DataType:
    fields = {field["name"]: field["type"] for field in contract(kind).schema["fields"]}
    if name in LOG[1:]:
        return pa.int64()
    if name not in fields or (name == "ingest_date" and store == "silver"):
        return pa.string()
    if kinds(kind)[name] == NUMBER:
        return pa.int64()
    branches = fields[name] if isinstance(fields[name], list) else [fields[name]]
    (avro,) = [branch for branch in branches if branch != "null"]
    if kinds(kind)[name] == DECIMAL:
        return pa.decimal128(avro["precision"], avro["scale"])
    return pa.binary() if avro == "bytes" else pa.string()


def day_column(store: str) -> str:
    """Return the column that has the day under which a row is counted."""
    return "ingest_date" if store in (BRONZE, "silver") else "event_date"


def rows_found(
    rows: pa.RecordBatch, wanted: Mapping[str, pa.DataType], day: str, chosen: Mask | None
) -> dict[str, Sums]:
    """Return the sums of a table's rows, of those that are `chosen`; a column that it lacks is null.

    Raises:
        ArrowInvalid, ArrowNotImplementedError: a column holds what the contract does not know.
    """
    if chosen is not None:
        rows = rows.filter(pa.array(chosen))
    n = rows.num_rows
    have = {name: rows.column(at) for at, name in enumerate(rows.schema.names)}
    hashes = of_columns((of_arrow(have.get(name), type_, n) for name, type_ in wanted.items()), n)
    days = have[day].cast(pa.string()) if day in have else pa.nulls(n, pa.string())
    coded = days.fill_null(UNREADABLE).dictionary_encode()
    return summed(hashes, np.asarray(coded.indices, np.int64), coded.dictionary.to_pylist())


@dataclass(frozen=True)
class TableScan:
    """Read a file of a table; of a Silver table those rows that came on one of `days`, or were sent again."""

    table: str
    uri: str
    store: str
    kind: str
    asked: Range
    days: Days

    @property
    def cost(self) -> int:
        return size(self.uri) // 20

    def run(self) -> Scanned:
        found = Found()
        try:
            self._read(found)
        except (OSError, pa.ArrowException) as error:  # Spark is to try, and to say why
            found.errors.append(f"{self.uri}: {error}")
        return {self.table: found}

    def _read(self, found: Found) -> None:
        wanted = columns_of(self.store, self.kind)
        there = [name for name in pq.read_schema(source(self.uri)).names if name in wanted]
        repeated = [name for name in there if name in _REPEATED]
        file = pq.ParquetFile(
            source(self.uri), read_dictionary=repeated, memory_map=True, pre_buffer=self.uri.startswith("s3")
        )
        if self.store == "silver" and not may_hold(self.uri, self.days) and not self._sent_again(file):
            return
        for rows in file.iter_batches(_ROWS, columns=there):
            found.add(self.store, rows_found(rows, wanted, day_column(self.store), self._chosen(rows)))

    def _sent_again(self, file: pq.ParquetFile) -> bool:
        return any(_resubmitted(rows).any() for rows in file.iter_batches(_ROWS, columns=["source_id"]))

    def _chosen(self, rows: pa.RecordBatch) -> Mask | None:
        """Return which rows are asked for, as `views.within` and its like say it; None for all."""
        span, entity = self.asked.span, self.asked.entity
        if not span.bounded and entity is None:
            return None
        tests = [pc.equal(rows.column("entity_id").cast(pa.string()), entity)] if entity is not None else []
        first, last = ("window_start", "window_end") if self.kind in BARS else ("event_time", "event_time")
        if span.start is not None:
            tests.append(pc.greater_equal(rows.column(first).cast(pa.int64()), span.start))
        if span.end is not None:
            compare = pc.less_equal if self.kind in BARS else pc.less
            tests.append(compare(rows.column(last).cast(pa.int64()), span.end))
        chosen = np.ones(rows.num_rows, np.bool_)
        for test in tests:
            chosen &= np.asarray(pc.fill_null(test, fill_value=False))
        if self.store != BRONZE:
            chosen |= np.asarray(rows.column("entity_id").is_null())
        if self.store == "silver":
            days = rows.column("ingest_date").cast(pa.string()).dictionary_encode()
            held = np.array([day is not None and self.days.holds(day) for day in days.dictionary.to_pylist()], np.bool_)
            of_days = held[np.asarray(days.indices.fill_null(0))] if len(held) else np.zeros(rows.num_rows, np.bool_)
            chosen &= (of_days & np.asarray(days.is_valid())) | _resubmitted(rows)
        return chosen


def _resubmitted(rows: pa.RecordBatch) -> Mask:
    sources = rows.column("source_id").cast(pa.string())
    found = np.zeros(rows.num_rows, np.bool_)
    for prefix in PREFIX.values():
        found |= np.asarray(pc.fill_null(pc.starts_with(sources, prefix), fill_value=False))
    return found


def summed_rows(store: str, kind: str) -> ArrowFunction:
    """Return the Arrow function that sums Spark's rows of a table: rows in, `SUMS_SCHEMA` out."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        wanted = columns_of(store, kind)
        yield as_batch({store: added(rows_found(rows, wanted, day_column(store), None) for rows in batches)})

    return run


def summed_values(kind: str, forms: tuple[str, ...], asked: Range) -> ArrowFunction:
    """Return the Arrow function that sums replayed records: wire values in, `SUMS_SCHEMA` out."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        found = Found()
        for batch in batches:
            add_values(found, kind, batch.column(0), forms, asked)
        yield as_batch(found.sums)

    return run


def as_batch(found: Mapping[str, Mapping[str, Sums]]) -> pa.RecordBatch:
    """Return sums as rows of `SUMS_SCHEMA`."""
    rows = [
        {"form": form, "day": day, "rows": sums.rows, "parts": " ".join(map(str, sums.parts))}
        for form, days in found.items()
        for day, sums in days.items()
    ]
    kind = pa.schema([("form", pa.string()), ("day", pa.string()), ("rows", pa.int64()), ("parts", pa.string())])
    return pa.RecordBatch.from_pylist(rows, kind)


def of_rows(rows: Iterable[Any]) -> dict[str, dict[str, Sums]]:
    """Return the sums that rows of `SUMS_SCHEMA` say, by form."""
    found: dict[str, dict[str, Sums]] = {}
    for row in rows:
        sums = {row.day: Sums(row.rows, tuple(map(int, row.parts.split())))}
        found[row.form] = added((found.get(row.form, {}), sums))
    return found
