"""Bronze's Parquet files as a worker reads them: what they hold of each shard, and its records in order of the log.

The worker reads the files itself. Rows that come through the JVM cost some 20 µs each, to be decoded, sorted by a
shuffle and encoded again; the streams' commits have them in order already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch.ranges import Days, Span, day_text
from batch.replaying.steps import Piece, ShardKey, Step
from batch.spark.bronze import ENVELOPE
from runtime.object_store import local, source
from schemas.catalog import LOG, OFFSET
from udfs.gate.resubmitted import PREFIX

_ROWS = 32_768
_REPEATED = ["topic", "ingest_date", "entity_id"]


@dataclass(frozen=True)
class Wanted:
    """Which rows of Bronze are read: all fields must fit; no entities means all of them."""

    days: Days
    entities: tuple[str, ...] = ()
    last_offset: dict[ShardKey, int] = field(default_factory=dict)

    def holds(self, rows: pa.Table | pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        """Return which rows are of these dates and entities; None for all."""
        tests = []
        if self.days.first is not None:
            tests.append(pc.greater_equal(rows.column("ingest_date").cast(pa.string()), day_text(self.days.first)))
        if self.days.last is not None:
            tests.append(pc.less_equal(rows.column("ingest_date").cast(pa.string()), day_text(self.days.last)))
        if self.entities:
            tests.append(pc.is_in(rows.column("entity_id").cast(pa.string()), pa.array(self.entities, pa.string())))
        found = None
        for test in tests:
            one = np.asarray(test)
            found = one if found is None else found & one
        return found


def may_hold(uri: str, days: Days) -> bool:
    """Tell whether a file of Bronze may have rows of these dates: its folder is named by their ingest date."""
    return days.holds(local(uri).parent.name)


def pieces(uri: str, wanted: Wanted, again: Span) -> list[Piece]:
    """Return what a file holds of each shard and ingest date, as far as it is wanted.

    Records of `again` that were sent again, amended or redriven, are counted apart.
    """
    columns = [*LOG, "ingest_date", "event_time", "source_id", *(["entity_id"] if wanted.entities else [])]
    rows = pq.read_table(source(uri), columns=columns, read_dictionary=[*_REPEATED, "source_id"])
    keep = wanted.holds(rows)
    if keep is not None:
        rows = rows.filter(pa.array(keep))
    if not rows.num_rows:
        return []
    rows = rows.combine_chunks()
    shards, codes = _codes(rows, ("topic", "kafka_partition", "ingest_date"))
    order = np.argsort(codes, kind="stable")
    offsets, resubmitted = _longs(rows, OFFSET)[order], _resubmitted(rows, again)[order]
    bounds = [*np.flatnonzero(np.diff(codes[order], prepend=-1)).tolist(), len(order)]
    found = []
    for first, end in pairwise(bounds):
        topic, partition, day = shards[codes[order[first]]]
        mine = offsets[first:end]
        found.append(
            Piece(
                uri,
                (topic, int(partition)),
                day,
                int(mine.min()),
                int(mine.max()),
                end - first,
                bool(np.all(np.diff(mine) > 0)),
                int(resubmitted[first:end].sum()),
            )
        )
    return found


def read(step: Step, wanted: Wanted, kept: Sequence[str] = ENVELOPE) -> Iterator[tuple[ShardKey, pa.RecordBatch]]:
    """Yield the envelopes of a step's shards, each shard's in order of its log; ``kept`` are their columns."""
    columns = [*dict.fromkeys((*LOG, "ingest_date", *ENVELOPE))]
    if step.sort:
        tables = [pq.read_table(source(uri), columns=columns, read_dictionary=["topic"]) for uri in step.files]
        rows = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        yield from _by_shard(rows, step, wanted, kept)
        return
    for uri in step.files:
        file = pq.ParquetFile(source(uri), read_dictionary=["topic"], pre_buffer=uri.startswith("s3"))
        for batch in file.iter_batches(_ROWS, columns=columns):
            yield from _by_shard(batch, step, wanted, kept)


def _by_shard(
    rows: pa.Table | pa.RecordBatch, step: Step, wanted: Wanted, kept: Sequence[str]
) -> Iterator[tuple[ShardKey, pa.RecordBatch]]:
    """Cut rows by shard, with those that are wanted only; each shard's rows stay in their order, or are sorted."""
    shards, codes = _codes(rows, ("topic", "kafka_partition"))
    offsets = _longs(rows, OFFSET)
    limits = np.array([wanted.last_offset.get(shard, -1) if shard in step.shards else -1 for shard in shards])
    keep = offsets <= limits[codes]
    holds = wanted.holds(rows)
    if holds is not None:
        keep &= holds
    chosen = np.flatnonzero(keep)
    keys = (offsets[chosen], codes[chosen]) if step.sort else (codes[chosen],)
    order = chosen[np.lexsort(keys)]  # stable
    if not len(order):
        return
    found = rows.select(list(kept)).take(pa.array(order))
    sorted_codes = codes[order]
    bounds = [*np.flatnonzero(np.diff(sorted_codes, prepend=-1)).tolist(), len(order)]
    for first, end in pairwise(bounds):
        part = found.slice(first, end - first)
        batches = part.combine_chunks().to_batches() if isinstance(part, pa.Table) else [part]
        for batch in batches:
            yield shards[sorted_codes[first]], batch


def _codes(rows: pa.Table | pa.RecordBatch, names: Sequence[str]) -> tuple[list[Any], npt.NDArray[np.int64]]:
    """Return the distinct values of some columns of few values, and each row's number among them."""
    codes = np.zeros(rows.num_rows, np.int64)
    parts: list[list[Any]] = []
    for name in names:
        column = rows.column(name)
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        parts.append(coded.dictionary.to_pylist())
        codes = codes * len(parts[-1]) + np.asarray(coded.indices)
    numbers, codes = np.unique(codes, return_inverse=True)
    found = []
    for number in numbers.tolist():
        values: list[Any] = []
        for part in reversed(parts):
            number, at = divmod(number, len(part))  # noqa: PLW2901
            values.append(part[at])
        found.append(tuple(reversed(values)))
    return found, codes


def _longs(rows: pa.Table | pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    return np.asarray(rows.column(name), dtype=np.int64)


def _resubmitted(rows: pa.Table, span: Span) -> npt.NDArray[np.bool_]:
    """Return which rows were sent again and are of events of a span."""
    source = rows.column("source_id").combine_chunks()
    texts = source.dictionary
    sent = np.zeros(len(texts), np.bool_)
    for prefix in PREFIX.values():
        sent |= np.asarray(pc.starts_with(texts, prefix))
    times = _longs(rows, "event_time")
    found = sent[np.asarray(source.indices)] if len(texts) else np.zeros(rows.num_rows, np.bool_)
    if span.start is not None:
        found &= times >= span.start
    if span.end is not None:
        found &= times < span.end
    return found
