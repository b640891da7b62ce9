"""The raw envelope: columns of a batch, and its Avro wire format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.contracts import by_id, contract
from udfs.times import plausible
from udfs.wire import write_bytes, write_long, write_text

_CONTRACT = contract("raw_envelope")
_HEADER = _CONTRACT.header
SOURCES = ("venue", "ingest")


class BadEnvelope(NamedTuple):
    """A Kafka value that is no envelope; ``index`` is its position in the batch."""

    index: int
    reason: str
    detail: str


@dataclass(slots=True)
class Envelopes:
    """A batch of envelopes, columnar; times in µs UTC."""

    event_id: list[str]
    entity_id: list[str]
    venue: list[str]
    channel: list[str]
    event_time: npt.NDArray[np.int64]
    event_time_source: list[str]
    ingest_time: npt.NDArray[np.int64]
    source_id: list[str]
    source_seq: npt.NDArray[np.int64]
    payload: list[bytes]

    def __len__(self) -> int:
        return len(self.event_id)

    @classmethod
    def from_arrow(cls, batch: Any) -> Envelopes:
        """Take the envelope's columns out of an Arrow record batch (int64 or timestamp[us] times)."""

        def texts(name: str) -> list[Any]:
            values: list[Any] = batch.column(name).to_pylist()
            return values

        def longs(name: str) -> npt.NDArray[np.int64]:
            return np.asarray(batch.column(name).cast("int64").to_numpy(zero_copy_only=False), dtype=np.int64)

        return cls(
            event_id=texts("event_id"),
            entity_id=texts("entity_id"),
            venue=texts("venue"),
            channel=texts("channel"),
            event_time=longs("event_time"),
            event_time_source=texts("event_time_source"),
            ingest_time=longs("ingest_time"),
            source_id=texts("source_id"),
            source_seq=longs("source_seq"),
            payload=texts("payload"),
        )


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
    return [
        encode_one(*row)
        for row in zip(
            envelopes.event_id,
            envelopes.entity_id,
            envelopes.venue,
            envelopes.channel,
            envelopes.event_time.tolist(),
            envelopes.event_time_source,
            envelopes.ingest_time.tolist(),
            envelopes.source_id,
            envelopes.source_seq.tolist(),
            envelopes.payload,
            strict=True,
        )
    ]


class _MalformedError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


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


def _content(value: bytes, at: int) -> tuple[bytes, int]:
    length, at = _long(value, at)
    if length < 0 or at + length > len(value):
        raise _MalformedError("truncated", f"expected {length} bytes at byte {at}, {len(value) - at} are left")
    return value[at : at + length], at + length


def _text(value: bytes, at: int) -> tuple[str, int]:
    content, at = _content(value, at)
    try:
        return content.decode(), at
    except UnicodeDecodeError:
        raise _MalformedError("malformed", f"a string that is not UTF-8 before byte {at}") from None


def _header(value: bytes) -> None:
    if len(value) < 5 or value[0] != 0:
        raise _MalformedError("bad_magic", "expected a zero byte and a schema id of four bytes")
    if value[:5] != _HEADER:
        schema_id = int.from_bytes(value[1:5], "big")
        other = by_id(schema_id)
        if other is None:
            raise _MalformedError("unknown_schema", f"no contract has id {schema_id}")
        raise _MalformedError("wrong_contract", f"expected {_CONTRACT.label}, got {other.label}")


def _row(value: bytes) -> tuple[Any, ...]:
    _header(value)
    row: list[Any] = []
    at = 5
    for kind in "ssssnsnsnb":
        field, at = {"s": _text, "n": _long, "b": _content}[kind](value, at)
        row.append(field)
    if at != len(value):
        raise _MalformedError("malformed", f"{len(value) - at} bytes follow the record")
    if row[5] not in SOURCES:
        raise _MalformedError("malformed", f"event_time_source: expected venue or ingest, got {row[5][:40]!r}")
    if not plausible(row[6]):
        raise _MalformedError("malformed", f"ingest_time: expected µs in 2009..2100, got {row[6]}")
    return tuple(row)


def decode(values: Sequence[bytes]) -> tuple[Envelopes, npt.NDArray[np.int64], list[BadEnvelope]]:
    """Decode a batch of Kafka values; it never raises.

    Returns:
        The envelopes, for each of them its index in ``values``, and the values that are none.
    """
    rows, index, bad = [], [], []
    for i, value in enumerate(values):
        try:
            rows.append(_row(value))
            index.append(i)
        except _MalformedError as error:
            bad.append(BadEnvelope(i, error.reason, error.detail))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 10
    envelopes = Envelopes(
        *(np.array(column, dtype=np.int64) if i in (4, 6, 8) else list(column) for i, column in enumerate(columns))  # type: ignore[arg-type]
    )
    return envelopes, np.array(index, dtype=np.int64), bad
