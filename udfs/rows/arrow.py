"""Normalized rows as Arrow record batches, without an object per value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.contracts import contract
from udfs.kernels.gathering import gather
from udfs.kernels.numbers import ONE
from udfs.kernels.slices import Longs, Slices
from udfs.rows.batches import QuoteBatch, Rows, TradeBatch

_DECIMAL = pa.decimal128(28, 12)
_TIME = pa.timestamp("us", tz="UTC")
_U64 = np.uint64
_HALF = _U64(32)
_MASK = _U64(0xFFFFFFFF)


def texts(slices: Slices, kind: Any) -> Any:
    """Return a string or binary column.

    Raises:
        OverflowError: it has 2 GiB or more.
    """
    total = int(slices.size.sum())
    if total >= 1 << 31:
        raise OverflowError(f"{total} bytes in one column: make batches smaller")
    out = np.empty(total, dtype=np.uint8)
    offsets = np.empty(len(slices) + 1, dtype=np.int32)
    gather(*slices.parts, out, offsets)
    return pa.Array.from_buffers(kind, len(slices), [None, pa.py_buffer(offsets), pa.py_buffer(out)])


def packed(slices: Slices, kind: Any) -> Any:
    """Return a string or binary column of values that follow each other without a gap, without copying them.

    Raises:
        OverflowError: it has 2 GiB or more.
    """
    if len(slices.data) >= 1 << 31:
        raise OverflowError(f"{len(slices.data)} bytes in one column: make batches smaller")
    offsets = np.empty(len(slices) + 1, dtype=np.int32)
    offsets[:-1] = slices.start
    offsets[-1] = slices.start[-1] + slices.size[-1] if len(slices) else 0
    return pa.Array.from_buffers(kind, len(slices), [None, pa.py_buffer(offsets), pa.py_buffer(slices.data)])


def decimals(whole: Longs, part: Longs) -> Any:
    """Return whole·1e12 + part as decimal(28, 12): 128 bits, low word first."""
    w, p = whole.astype(_U64), part.astype(_U64)
    w0, w1 = w & _MASK, w >> _HALF
    c0, c1 = _U64(ONE & 0xFFFFFFFF), _U64(ONE >> 32)
    middle = w0 * c1 + w1 * c0
    shifted = middle << _HALF
    low = w0 * c0 + shifted
    high = w1 * c1 + (middle >> _HALF) + (low < shifted)
    low = low + p
    high = high + (low < p)
    words: npt.NDArray[np.uint64] = np.stack([low, high], axis=1)
    return pa.Array.from_buffers(_DECIMAL, len(whole), [None, pa.py_buffer(np.ascontiguousarray(words))])


def _choice(data: bytes, first: int, second: npt.NDArray[np.bool_]) -> Slices:
    """Return ``data[:first]``, or the rest of it where ``second`` holds."""
    start = np.where(second, first, 0).astype(np.int64)
    size = np.where(second, len(data) - first, first).astype(np.int64)
    return Slices(np.frombuffer(data, dtype=np.uint8), start, size)


def _event_ids(rows: Rows) -> Any:
    slices = rows.envelopes.event_ids.take(rows.rows)
    if not (rows.part >= 0).any():
        return texts(slices, pa.string())
    ids = [
        text if part < 0 else f"{text}#{part}" for text, part in zip(slices.texts(), rows.part.tolist(), strict=True)
    ]
    return pa.array(ids, pa.string())


def _venue_ids(rows: Rows) -> Any:
    ids = rows.envelopes.event_ids.take(rows.rows)
    if not rows.rules.venue_ids:
        return texts(Slices(ids.data, ids.start, np.zeros_like(ids.size)), pa.string())
    skip = rows.envelopes.entity_ids.size[rows.rows] + len(rows.rules.channel) + 2
    return texts(Slices(ids.data, ids.start + skip, rows.id_size[rows.rows] - skip), pa.string())


def _common(rows: Rows, timeless: npt.NDArray[np.bool_]) -> dict[str, Callable[[], Any]]:
    env, rules, n = rows.envelopes, rows.rules, len(rows)
    entity = rows.entity_ids
    before = len(rules.venue) + 1

    def symbols() -> Any:
        return texts(Slices(entity.data, entity.start + before, entity.size - before - len(rules.suffix)), pa.string())

    def venues() -> Any:
        return texts(_choice(rules.venue.encode(), len(rules.venue), np.zeros(n, dtype=bool)), pa.string())

    return {
        "event_id": lambda: _event_ids(rows),
        "entity_id": lambda: texts(entity, pa.string()),
        "venue": venues,
        "symbol": symbols,
        "event_time": lambda: pa.array(rows.event_time, pa.int64()).cast(_TIME),
        "event_time_source": lambda: texts(_choice(b"venueingest", 5, timeless), pa.string()),
        "ingest_time": lambda: pa.array(rows.ingest_time, pa.int64()).cast(_TIME),
        "ingest_date": lambda: pa.array(rows.ingest_date.astype(np.int32), pa.int32()).cast(pa.date32()),
        "entity_seq": lambda: pa.array(rows.entity_seq, pa.int64()),
        "source_id": lambda: texts(env.source_ids.take(rows.rows), pa.string()),
        "source_seq": lambda: pa.array(env.source_seq[rows.rows], pa.int64()),
        "value": lambda: packed(rows.wire(), pa.binary()),
    }


def _trades(rows: TradeBatch) -> dict[str, Callable[[], Any]]:
    columns = _common(rows, np.zeros(len(rows), dtype=bool))
    columns |= {
        "venue_trade_id": lambda: _venue_ids(rows),
        "price": lambda: decimals(rows.numbers[0], rows.numbers[1]),
        "size": lambda: decimals(rows.numbers[2], rows.numbers[3]),
        "aggressor": lambda: texts(_choice(b"buysell", 3, rows.flag < 0), pa.string()),
    }
    return columns


def _quotes(rows: QuoteBatch) -> dict[str, Callable[[], Any]]:
    columns = _common(rows, rows.flag > 0)
    columns["venue_update_id"] = lambda: _venue_ids(rows)
    for k, name in enumerate(("bid_price", "bid_size", "ask_price", "ask_size")):
        columns[name] = partial(decimals, rows.numbers[2 * k], rows.numbers[2 * k + 1])
    return columns


def to_arrow(rows: TradeBatch | QuoteBatch, only: Sequence[str] | None = None) -> Any:
    """Return an Arrow record batch: the contract's columns, or some of them, and ``value``, the wire bytes."""
    columns = _trades(rows) if isinstance(rows, TradeBatch) else _quotes(rows)
    names = [field["name"] for field in contract(rows.kind).schema["fields"]] if only is None else only
    arrays = [columns[name]() for name in (*names, "value")]
    fields = [pa.field(name, array.type, nullable=False) for name, array in zip((*names, "value"), arrays, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
