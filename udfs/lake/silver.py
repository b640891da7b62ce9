"""Normalized records as columns of a Silver table. A fold over one shard of a normalized topic.

The topic is delivered at least once: what a restarted producer sends again is dropped by ``entity_seq`` (law 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import msgspec
import numpy as np
import pyarrow as pa

from schemas.contracts import contract
from schemas.domains import domains
from udfs.dedup.names import Names
from udfs.gate.topic_rules import rules
from udfs.kernels.delivered import SEQ_BITS
from udfs.kernels.records import find_new, read_decimals, read_records
from udfs.kernels.slices import Bits, Longs, Slices
from udfs.lake.files import LOW_CARDINALITY
from udfs.rows.arrow import texts
from udfs.state.packing import pack, unpack
from udfs.values.times import date_text

PARTITION = "ingest_date"
STATE_VERSION = 1
_FEW = ("entity_id", "venue", "symbol", "event_time_source", "source_id", "aggressor")
_NOTHING = -1


@dataclass(frozen=True, slots=True)
class Layout:
    """How a contract becomes a table: the ``places`` of its fields, and in ``texts`` which are texts or bytes."""

    header: Any
    texts: Bits
    places: dict[str, int]
    schema: Any


@lru_cache(maxsize=16)
def layout(kind: str) -> Layout:
    """Return the layout of a kind of normalized records; ``ingest_date`` becomes ``YYYY-MM-DD``."""
    found = contract(kind)
    fields = found.schema["fields"]
    places = {field["name"]: k for k, field in enumerate(fields)}
    return Layout(
        np.frombuffer(found.header, dtype=np.uint8),
        np.array([_base(field["type"]) in {"string", "bytes"} for field in fields], dtype=np.int8),
        places,
        pa.schema([(name, _column(name, fields[k]["type"])) for name, k in places.items()]),
    )


def _base(kind: Any) -> str:
    return str(kind["type"] if isinstance(kind, dict) else kind)


def _column(name: str, kind: Any) -> Any:
    if name == PARTITION or name in _FEW:
        return LOW_CARDINALITY
    if isinstance(kind, dict) and kind.get("logicalType") == "decimal":
        return pa.decimal128(kind["precision"], kind["scale"])
    return {"string": pa.string(), "long": pa.int64(), "int": pa.int32()}[_base(kind)]


def dates_kept(kind: str) -> int:
    """Return how many ingest dates normalization numbers at once, for any source of a kind."""
    return max(rules(topic.name).days_kept for topic in domains().topics_becoming(kind))


class SilverFold:
    """One shard of a kind's topic; see `udfs.state.operator.Operator`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._layout = layout(kind)
        self._dates = dates_kept(kind)
        self._names = Names()
        self._seen: Longs = np.zeros(0, dtype=np.int64)
        self._changed: Bits = np.zeros(0, dtype=np.int8)
        self.duplicates = 0

    @property
    def state_version(self) -> int:
        return STATE_VERSION

    def process(self, topic: str, values: Slices) -> list[tuple[str, Any]]:
        """Fold the next records of the log.

        Returns:
            Of each ingest date its text and an Arrow record batch of what is new, in log order.

        Raises:
            ValueError: a value is no record of the contract.
        """
        n, shape = len(values), self._layout
        place, number = (np.zeros(len(shape.texts) * n, dtype=np.int64) for _ in range(2))
        bad = read_records(*values.parts, shape.header, shape.texts, place, number)
        if bad < n:
            raise ValueError(f"{topic}: a value that is no {contract(self._kind).label}: {values[bad][:40].hex()}")
        read = _Read(values, shape, place.reshape(-1, n), number.reshape(-1, n))
        date, new = read.longs(PARTITION), np.zeros(n, dtype=np.int8)
        entity = self._names.codes(read.slices("entity_id"))
        self._make_room()
        count = find_new(entity, date, read.longs("entity_seq"), self._dates, self._seen, self._changed, new)
        self.duplicates += n - count
        return list(read.batches(np.flatnonzero(new), date))

    def _make_room(self) -> None:
        if len(self._names) > len(self._changed):
            wanted = max(2 * len(self._changed), len(self._names), 16)
            seen, changed = self._seen, self._changed
            self._seen = np.full(wanted * self._dates, _NOTHING, dtype=np.int64)
            self._seen[: len(seen)] = seen
            self._changed = np.zeros(wanted, dtype=np.int8)
            self._changed[: len(changed)] = changed

    def delta(self) -> bytes:
        """Return what changed since the last ``delta`` or ``snapshot``."""
        part = self._part(np.flatnonzero(self._changed))
        self._changed[:] = 0
        return part

    def snapshot(self) -> bytes:
        """Return the whole state."""
        self._changed[:] = 0
        return self._part(np.arange(len(self._names)))

    def slice(self, begin: int, budget: int) -> tuple[bytes, int]:
        """Return the state of ``budget`` entities from ``begin`` on, and where to go on (-1: nowhere)."""
        end = min(begin + budget, len(self._names))
        return self._part(np.arange(begin, end)), end if end < len(self._names) else -1

    def _part(self, entities: Longs) -> bytes:
        seen = self._seen.reshape(-1, self._dates)[entities]
        names = [self._names.names[code] for code in entities.tolist()]
        return msgspec.msgpack.encode((STATE_VERSION, self._dates, names, pack(seen.ravel())))

    @classmethod
    def restore(cls, kind: str, log: Iterable[bytes]) -> Self:
        """Rebuild the state from its parts, in order.

        Raises:
            ValueError: a part was written by a version that this one does not know.
        """
        self = cls(kind)
        for part in log:
            version, dates, names, packed = msgspec.msgpack.decode(part)
            if version != STATE_VERSION:
                raise ValueError(f"state of version {version}, expected {STATE_VERSION}")
            self._apply(names, unpack(packed).reshape(-1, dates))
        return self

    def _apply(self, names: list[bytes], seen: Longs) -> None:
        """Apply the last state of some entities; a longer horizon since then has more dates, each in another slot."""
        codes = self._names.codes(Slices.of(names))
        self._make_room()
        for code, orders in zip(codes.tolist(), seen, strict=True):
            for order in orders[orders != _NOTHING].tolist():
                place = code * self._dates + (order >> SEQ_BITS) % self._dates
                self._seen[place] = max(order, int(self._seen[place]))


@dataclass(frozen=True, slots=True)
class _Read:
    """Decoded records: the numbers and sizes of each field, and where texts begin."""

    values: Slices
    layout: Layout
    place: Longs
    number: Longs

    def longs(self, name: str) -> Longs:
        found: Longs = self.number[self.layout.places[name]]
        return found

    def slices(self, name: str) -> Slices:
        k = self.layout.places[name]
        return Slices(self.values.data, self.place[k], self.number[k])

    def batches(self, index: Longs, date: Longs) -> Iterator[tuple[str, Any]]:
        for day in np.unique(date[index]).tolist():
            its = index[date[index] == day]
            columns = [self._column(field, its, day) for field in self.layout.schema]
            yield date_text(day), pa.RecordBatch.from_arrays(columns, schema=self.layout.schema)

    def _column(self, field: Any, index: Longs, day: int) -> Any:
        if field.name == PARTITION:
            return pa.DictionaryArray.from_arrays(np.zeros(len(index), dtype=np.int32), [date_text(day)])
        if pa.types.is_decimal(field.type):
            return self._decimals(field, index)
        if pa.types.is_integer(field.type):
            return pa.array(self.longs(field.name)[index], field.type)
        column = texts(self.slices(field.name).take(index), pa.string())
        return column.dictionary_encode() if pa.types.is_dictionary(field.type) else column

    def _decimals(self, field: Any, index: Longs) -> Any:
        words = np.empty(2 * len(index), dtype=np.int64)
        if read_decimals(*self.slices(field.name).take(index).parts, words) < len(index):
            raise ValueError(f"{field.name}: a decimal of no bytes, or of more than sixteen")
        return pa.Array.from_buffers(field.type, len(index), [None, pa.py_buffer(words)])
