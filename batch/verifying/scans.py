"""What Spark's workers do for a verification: read a part of a store once, and keep hashes of its records.

Nothing here says what is right. A scan gives sums by day of what surely counts, and entries of what may repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch.ranges import Span
from batch.spark.columns import VALUE
from batch.spark.partitions import Records
from batch.spark.topics import BrokerError
from batch.spark.views import table_names
from batch.verifying import entries as kept
from batch.verifying.entries import Chunk, Keep, Spill
from batch.verifying.hashes import (
    Decoded,
    Hashes,
    Mask,
    kinds,
    of_columns,
    of_numbers,
    of_slices,
    of_text,
    of_texts,
)
from batch.verifying.sums import NO_DAY, Sums, added, day_name, summed
from schemas import catalog
from schemas.catalog import BARS, DATED_BY, DAY, NORMALIZED, REVISIONS
from schemas.domains import domains
from udfs.kernels import hashing
from udfs.kernels.decoding import NUMBER
from udfs.kernels.slices import Longs, Slices

ENVELOPE = "raw_envelope"
_ROWS = 16_384
_OFFSET_BITS = 47
#: The form of records that is compared with topics: their bytes.
WIRE = "wire"


@dataclass(frozen=True)
class Range:
    """Which records are asked for."""

    span: Span
    entity: str | None = None

    def holds(self, found: Decoded) -> Mask:
        """Return which records lie in it; what cannot be read always does."""
        span, inside = self.span, np.ones(len(found), np.bool_)
        first, last = ("window_start", "window_end") if found.kind in BARS else ("event_time", "event_time")
        if span.start is not None:
            inside &= found.numbers(first) >= span.start
        if span.end is not None:
            times = found.numbers(last)
            inside &= times <= span.end if found.kind in BARS else times < span.end
        if self.entity is not None:
            mine = of_text(self.entity, 1)
            theirs = of_slices(found.slices("entity_id"))
            inside &= (theirs.low == mine.low) & (theirs.high == mine.high)
        return inside | ~found.good


def day_of(found: Decoded) -> Longs:
    """Return the day under which each record is counted, as `views.day_of` says it."""
    dated = DATED_BY.get(found.kind)
    if dated is None and found.kind in NORMALIZED:
        dated = "ingest_date"
    values = found.numbers(dated or "event_time")
    days = values if dated and dated.endswith("date") else values // DAY
    return np.where(found.good, days, NO_DAY)


def in_days(hashes: Hashes, days: Longs, inside: Mask) -> dict[str, Sums]:
    """Return the sums of those records that are asked for."""
    numbers, codes = np.unique(days[inside], return_inverse=True)
    return summed(hashes.take(inside), codes.astype(np.int64), [day_name(day) for day in numbers.tolist()])


def as_row(found: Decoded, store: str) -> Hashes:
    """Return the hash of the row that a table must have of each record."""
    n = len(found)
    columns = (_as_column(found, name, store) for name in table_names(store, found.kind))
    return of_columns(columns, n)


def _as_column(found: Decoded, name: str, store: str) -> Hashes:
    if name == "bar_key":
        return _key_texts(found)
    if name == "event_date" or (name == "ingest_date" and store == "silver"):
        days, codes = np.unique(day_of(found), return_inverse=True)
        return of_texts([day_name(day) for day in days.tolist()], codes)
    return found.column(name)


def _key_texts(found: Decoded) -> Hashes:
    parts = []
    for name in catalog.key(found.kind):
        if kinds(found.kind)[name] == NUMBER:
            parts.append(list(map(str, found.numbers(name).tolist())))
        else:
            parts.append(found.slices(name).texts())
    return of_slices(Slices.of(["|".join(one).encode() for one in zip(*parts, strict=True)]))


# --- topics ---


class Source(Protocol):
    """A part of a topic."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def begin(self) -> int: ...
    @property
    def end(self) -> int: ...
    def batches(self) -> Iterator[Records]: ...


@dataclass
class Found:
    """What was found of a store or a replay: sums by form, counts, and entries of what is not settled yet."""

    sums: dict[str, dict[str, Sums]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    #: Why it could not be read.
    errors: list[str] = field(default_factory=list)

    def add(self, form: str, sums: dict[str, Sums]) -> None:
        """Add sums."""
        self.sums[form] = added((self.sums.get(form, {}), sums))

    def count(self, **more: int) -> None:
        """Add counts."""
        for name, count in more.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def merge(self, other: Found) -> None:
        """Add what another part holds."""
        for form, sums in other.sums.items():
            self.add(form, sums)
        self.count(**other.counts)
        self.chunks += other.chunks
        self.errors += other.errors


#: By what was read.
Scanned = dict[str, Found]


class Scan(Protocol):
    """A task of a worker."""

    @property
    def cost(self) -> int:
        """Records, about: large ones first, and all cores end at the same time."""
        ...

    def run(self) -> Scanned: ...


@dataclass(frozen=True)
class TopicScan:
    """Read a part of a topic: an entry of each record, in a file in `folder`."""

    part: Source
    kind: str
    asked: Range
    ranges: int
    folder: Path

    @property
    def cost(self) -> int:
        return 3 * (self.part.end - self.part.begin)

    def run(self) -> Scanned:
        found = Found()
        try:
            self._read(found)
        except BrokerError as error:
            found.errors.append(str(error))
        return {self.part.topic: found}

    def _read(self, found: Found) -> None:
        spill = Spill(self.folder, self.ranges)
        key = domains().topics[self.part.topic].key
        for records in self.part.batches():
            values = Slices.of([value or b"" for value in records.values])
            decoded = Decoded(self.kind, values)
            if self.kind == ENVELOPE:
                spill.add(_of_envelopes(self.part, decoded, records.offsets, self.asked))
            else:
                spill.add(_of_records(decoded, values, self.asked))
            found.count(
                records=len(values),
                unreadable=int(np.count_nonzero(~decoded.good)),
                wrong_keys=_wrong_keys(decoded, key, records.keys),
            )
        spill.flush()
        found.chunks += spill.chunks


def entry_type(kind: str) -> np.dtype[np.void]:
    """Return what is kept of each record of a kind."""
    return kept.NUMBERED if kind in (*NORMALIZED, *REVISIONS) else kept.PLAIN


def keep_of(kind: str) -> Keep:
    """Return which of a topic's records count."""
    if kind == ENVELOPE:
        return Keep.FIRST
    return Keep.LATEST if "version" in catalog.columns(kind) else Keep.DISTINCT


def _wrong_keys(decoded: Decoded, name: str, keys: list[bytes | None]) -> int:
    """Count the keys that are not what the field says; a record that cannot be read should have none."""
    there, wanted = Slices.of([key or b"" for key in keys]), decoded.slices(name)
    if None in keys:
        there.size[[n for n, key in enumerate(keys) if key is None]] = -1
    sizes = np.where(decoded.good, wanted.size, -1)
    count: int = hashing.differing(*there.parts, wanted.data, wanted.start, sizes)
    return count


def _of_envelopes(part: Source, decoded: Decoded, offsets: list[int], asked: Range) -> kept.Entries:
    """Return entries of those that are envelopes; their hash is that of the row that Bronze must have."""
    n = len(decoded)
    found = np.empty(n, kept.PLAIN)
    days = decoded.numbers("ingest_time") // DAY
    place = np.array(offsets, np.int64)
    topic = of_text(part.topic, n)
    found["group"] = of_columns([topic, decoded.column("event_id")], n).low
    found["order"] = (part.partition << _OFFSET_BITS) + place
    names, codes = np.unique(days, return_inverse=True)
    columns = [
        topic, of_numbers(np.full(n, part.partition, np.int64)), of_numbers(place),
        *(decoded.column(name) for name in catalog.columns(ENVELOPE)),
        of_texts([day_name(day) for day in names.tolist()], codes),
    ]  # fmt: skip
    found["low"], found["high"] = of_columns(columns, n)
    found["day"], found["inside"] = days, asked.holds(decoded)
    return found[decoded.good]


def _of_records(decoded: Decoded, values: Slices, asked: Range) -> kept.Entries:
    n = len(decoded)
    found = np.zeros(n, entry_type(decoded.kind))
    found["low"], found["high"] = wire = of_slices(values)
    found["group"] = wire.low
    found["day"], found["inside"] = day_of(decoded), asked.holds(decoded)
    if keep_of(decoded.kind) is Keep.LATEST:
        keys = of_columns((decoded.column(name) for name in catalog.key(decoded.kind)), n).low
        found["group"] = np.where(decoded.good, keys, wire.low)
        found["order"] = decoded.numbers("version")
    elif found.dtype == kept.NUMBERED:
        series = of_columns([decoded.column("entity_id"), decoded.column("ingest_date")], n)
        ids = decoded.slices("event_id")
        frames = Slices(ids.data, ids.start, np.empty(n, np.int64))
        hashing.without_number(*ids.parts, frames.size)
        found["series"], found["number"] = series.low, decoded.numbers("entity_seq")
        found["id"] = of_columns([series, of_slices(ids)], n).low
        found["group"] = of_columns([series, of_slices(frames)], n).low
    return found


# --- files ---


@dataclass(frozen=True)
class ReplayScan:
    """Read a file of a replay's records of a kind, once for all that is compared with them: ``wire`` and tables."""

    path: Path
    kind: str
    forms: tuple[str, ...]
    asked: Range

    @property
    def cost(self) -> int:
        return self.path.stat().st_size // 100

    def run(self) -> Scanned:
        found = Found()
        for batch in pq.ParquetFile(self.path).iter_batches(_ROWS, columns=[VALUE]):
            add_values(found, self.kind, batch.column(VALUE), self.forms, self.asked)
        return {replayed(self.kind): found}


def add_values(found: Found, kind: str, values: pa.Array, forms: Iterable[str], asked: Range) -> None:
    """Add the records of these wire values to what was found, in each of `forms`."""
    wire = Slices.of_arrow(values)
    decoded = Decoded(kind, wire)
    days, inside = day_of(decoded), asked.holds(decoded)
    for form in forms:
        found.add(form, in_days(of_slices(wire) if form == WIRE else as_row(decoded, form), days, inside))


@dataclass(frozen=True)
class LowRateScan:
    """Read a file of a replay's low-rate records: an entry of each, as of a topic's."""

    path: Path
    asked: Range
    ranges: int
    folder: Path

    @property
    def cost(self) -> int:
        return self.path.stat().st_size // 50

    def run(self) -> Scanned:
        found: Scanned = {}
        spills: dict[str, Spill] = {}
        for batch in pq.ParquetFile(self.path).iter_batches(_ROWS):
            for topic in pc.unique(batch.column("topic")).to_pylist():
                kind = domains().topics[topic].contract
                spill = spills.setdefault(topic, Spill(self.folder, self.ranges))
                wire = Slices.of_arrow(batch.filter(pc.equal(batch.column("topic"), topic)).column(VALUE))
                spill.add(_of_records(Decoded(kind, wire), wire, self.asked))
        for topic, spill in spills.items():
            spill.flush()
            found[replayed(topic)] = Found(chunks=spill.chunks)
        return found


def replayed(what: str) -> str:
    """Return what a replay's records of a kind or a topic are called among what was scanned."""
    return f"replay: {what}"
