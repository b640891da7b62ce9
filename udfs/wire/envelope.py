"""The raw envelope: columns of a batch, and its Avro wire format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.contracts import by_id, contract
from udfs.kernels.slices import Bits, Longs, Slices
from udfs.values.times import EARLIEST, LATEST, plausible
from udfs.wire.avro import write_bytes, write_long, write_text

_CONTRACT = contract("raw_envelope")
_HEADER = _CONTRACT.header
#: Values of ``event_time_source``.
SOURCES = ("venue", "ingest")


@dataclass(frozen=True, slots=True)
class BadEnvelope:
    """A Kafka value that is no envelope; ``index`` is its position in the batch."""

    index: int
    reason: str
    detail: str


class Envelopes:
    """A batch of envelopes, columnar; times in µs UTC.

    Texts and payloads stay slices of the buffers they came in (``event_ids``, ``entity_ids`` …); the properties named
    like the contract's fields make lists of them.
    """

    __slots__ = (
        "channels",
        "entity_ids",
        "event_ids",
        "event_time",
        "from_ingest",
        "ingest_time",
        "payloads",
        "source_ids",
        "source_seq",
        "venues",
    )

    def __init__(
        self,
        event_ids: Slices,
        entity_ids: Slices,
        venues: Slices,
        channels: Slices,
        event_time: Longs,
        from_ingest: Bits,
        ingest_time: Longs,
        source_ids: Slices,
        source_seq: Longs,
        payloads: Slices,
    ) -> None:
        self.event_ids = event_ids
        self.entity_ids = entity_ids
        self.venues = venues
        self.channels = channels
        self.event_time = event_time
        self.from_ingest = from_ingest
        self.ingest_time = ingest_time
        self.source_ids = source_ids
        self.source_seq = source_seq
        self.payloads = payloads

    def __len__(self) -> int:
        return len(self.event_time)

    @property
    def event_id(self) -> list[str]:
        return self.event_ids.texts()

    @property
    def entity_id(self) -> list[str]:
        return self.entity_ids.texts()

    @property
    def venue(self) -> list[str]:
        return self.venues.texts()

    @property
    def channel(self) -> list[str]:
        return self.channels.texts()

    @property
    def event_time_source(self) -> list[str]:
        return [SOURCES[flag] for flag in self.from_ingest.tolist()]

    @property
    def source_id(self) -> list[str]:
        return self.source_ids.texts()

    @property
    def payload(self) -> list[bytes]:
        return self.payloads.tolist()

    def take(self, index: Longs) -> Envelopes:
        """Return some of the envelopes, in this order."""
        return Envelopes(
            self.event_ids.take(index),
            self.entity_ids.take(index),
            self.venues.take(index),
            self.channels.take(index),
            self.event_time[index],
            self.from_ingest[index],
            self.ingest_time[index],
            self.source_ids.take(index),
            self.source_seq[index],
            self.payloads.take(index),
        )

    def named(self, event_ids: Slices) -> Envelopes:
        """Return the same envelopes under other event ids."""
        return Envelopes(
            event_ids, self.entity_ids, self.venues, self.channels, self.event_time, self.from_ingest,
            self.ingest_time, self.source_ids, self.source_seq, self.payloads,
        )  # fmt: skip

    def row(self, i: int) -> tuple[str, str, str, str, int, str, int, str, int, bytes]:
        """Return one envelope in the contract's order."""
        return (
            self.event_ids[i].decode(),
            self.entity_ids[i].decode(),
            self.venues[i].decode(),
            self.channels[i].decode(),
            int(self.event_time[i]),
            SOURCES[self.from_ingest[i]],
            int(self.ingest_time[i]),
            self.source_ids[i].decode(),
            int(self.source_seq[i]),
            self.payloads[i],
        )

    @classmethod
    def from_arrow(cls, batch: Any) -> Envelopes:
        """View the envelope's columns of an Arrow record batch (times as int64 or timestamp[us])."""

        def slices(name: str) -> Slices:
            return Slices.of_arrow(batch.column(name))

        def longs(name: str) -> Longs:
            return np.array(batch.column(name).cast("int64").to_numpy(zero_copy_only=False), dtype=np.int64)

        from_ingest = (slices("event_time_source").size == len("ingest")).astype(np.int8)
        return cls(
            slices("event_id"), slices("entity_id"), slices("venue"), slices("channel"), longs("event_time"),
            from_ingest, longs("ingest_time"), slices("source_id"), longs("source_seq"), slices("payload"),
        )  # fmt: skip


def encode_one(
    event_id: str,
    entity_id: str,
    venue: str,
    channel: str,
    event_time: int,
    event_time_source: str,
    ingest_time: int,
    source_id: str,
    source_seq: int,
    payload: bytes,
) -> bytes:
    """Return one envelope's Kafka value."""
    return b"".join(
        (
            _HEADER,
            write_text(event_id),
            write_text(entity_id),
            write_text(venue),
            write_text(channel),
            write_long(event_time),
            write_text(event_time_source),
            write_long(ingest_time),
            write_text(source_id),
            write_long(source_seq),
            write_bytes(payload),
        )
    )


def encode(envelopes: Envelopes) -> list[bytes]:
    """Return the Kafka values of a batch."""
    return [encode_one(*envelopes.row(i)) for i in range(len(envelopes))]


def decode(values: Sequence[bytes] | Slices) -> tuple[Envelopes, Longs, list[BadEnvelope]]:
    """Decode a batch of Kafka values; it never raises.

    Returns:
        The envelopes, for each of them its index in ``values``, and the values that are none.
    """
    from udfs.kernels import reading  # noqa: PLC0415 - collectors only encode, and Numba takes a second to import

    wire = values if isinstance(values, Slices) else Slices.of(values)
    n = len(wire)
    at, size = (np.empty(reading.FIELDS * n, dtype=np.int64) for _ in range(2))
    event_time, ingest_time, source_seq = (np.empty(n, dtype=np.int64) for _ in range(3))
    from_ingest, good = (np.empty(n, dtype=np.int8) for _ in range(2))
    count = reading.read_envelopes(
        *wire.parts, _HEADER_ARRAY, _SOURCES_ARRAY, EARLIEST, LATEST,
        at, size, event_time, ingest_time, source_seq, from_ingest, good,
    )  # fmt: skip

    def column(field: int) -> Slices:
        return Slices(wire.data, at[field * n : (field + 1) * n], size[field * n : (field + 1) * n])

    envelopes = Envelopes(
        column(0), column(1), column(2), column(3), event_time, from_ingest, ingest_time, column(7), source_seq,
        column(9),
    )  # fmt: skip
    if count == n:
        return envelopes, np.arange(n), []
    bad = [BadEnvelope(i, *explain(wire[i])) for i in np.flatnonzero(good == 0).tolist()]
    index = np.flatnonzero(good)
    return envelopes.take(index), index, bad


_HEADER_ARRAY = np.frombuffer(_HEADER, dtype=np.uint8)
_SOURCES_ARRAY = np.frombuffer("".join(SOURCES).encode(), dtype=np.uint8)


class _MalformedError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def explain(value: bytes) -> tuple[str, str]:
    """Say why a value is no envelope: (reason, detail); empty when it is one."""
    try:
        _check(value)
    except _MalformedError as error:
        return error.reason, error.detail
    return "", ""


def _check(value: bytes) -> None:
    if len(value) < 5 or value[0] != 0:
        raise _MalformedError("bad_magic", "expected a zero byte and a schema id of four bytes")
    if value[:5] != _HEADER:
        schema_id = int.from_bytes(value[1:5], "big")
        other = by_id(schema_id)
        if other is None:
            raise _MalformedError("unknown_schema", f"no contract has id {schema_id}")
        raise _MalformedError("wrong_contract", f"expected {_CONTRACT.label}, got {other.label}")
    at = 5
    for field in _CONTRACT.schema["fields"]:
        number, at = _long(value, at)
        if isinstance(field["type"], dict) or field["type"] == "long":
            if field["name"] == "ingest_time" and not plausible(number):
                raise _MalformedError("malformed", f"ingest_time: expected µs in 2009..2100, got {number}")
            continue
        if number < 0 or at + number > len(value):
            raise _MalformedError("truncated", f"{field['name']}: {number} bytes, but {len(value) - at} are left")
        content = value[at : at + number]
        at += number
        if field["type"] == "string":
            _check_text(field["name"], content)
    if at != len(value):
        raise _MalformedError("malformed", f"{len(value) - at} bytes follow the record")


def _check_text(name: str, content: bytes) -> None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise _MalformedError("malformed", f"{name}: not UTF-8") from None
    if name == "event_time_source" and text not in SOURCES:
        raise _MalformedError("malformed", f"event_time_source: expected venue or ingest, got {text[:40]!r}")


def _long(value: bytes, at: int) -> tuple[int, int]:
    raw = shift = 0
    while True:
        if at >= len(value):
            raise _MalformedError("truncated", f"ends inside a number at byte {at}")
        byte = value[at]
        at += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise _MalformedError("malformed", f"a number of more than 10 bytes at byte {at}")
    if raw >= 1 << 64 or (byte == 0 and shift):
        raise _MalformedError("malformed", f"a number that Avro does not write at byte {at}")
    return (raw >> 1) ^ -(raw & 1), at
