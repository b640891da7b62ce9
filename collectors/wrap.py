"""A block's Kafka values, quickly: the bytes of `udfs.wire.envelope.encode_one`, built from shared parts.

What repeats within a source (venue, entity, channel, source id) is written once; times and positions are written as
columns.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from collectors.block import Block
from schemas.contracts import contract
from udfs.wire.avro import write_long, write_text

#: A shorter column's numbers are written faster one by one.
_FEW = 8
_HEADER = contract("raw_envelope").header
_SMALL = [write_long(n) for n in range(4096)]
_SOURCE = {False: write_text("venue"), True: write_text("ingest")}


class Wrapper:
    """Wraps blocks of one source."""

    def __init__(self, venue: str, source_id: str) -> None:
        self._venue = write_text(venue)
        self._source = write_text(source_id)
        self._entity = lru_cache(maxsize=100_000)(self._entity_part)

    def _entity_part(self, entity_id: str, channel: str) -> bytes:
        return write_text(entity_id) + self._venue + write_text(channel)

    def wrap(self, block: Block) -> list[bytes]:
        """Return one value per frame. The event time is the receive time where the frame has none."""
        received = np.array(block.receive_us, dtype=np.int64)
        absent = [time is None for time in block.event_time]
        happened = [r if e is None else e for e, r in zip(block.event_time, block.receive_us, strict=True)]
        join, entity, source = b"".join, self._entity, self._source
        return [
            join((
                _HEADER, _length(len(name)), name, entity(entity_id, channel), event_time, _SOURCE[none], ingest_time,
                source, seq, _length(len(payload)), payload,
            ))
            for name, entity_id, channel, event_time, none, ingest_time, seq, payload in zip(
                [event_id.encode() for event_id in block.event_id], block.entity_id, block.channel,
                longs(np.array(happened, dtype=np.int64)), absent, longs(received),
                longs(np.array(block.seq, dtype=np.int64)), block.payload, strict=True,
            )
        ]  # fmt: skip


def _length(size: int) -> bytes:
    return _SMALL[size] if size < len(_SMALL) else write_long(size)


def longs(values: npt.NDArray[np.int64]) -> list[bytes]:
    """Return the Avro longs of a column; fast when all of them are positive and of one width."""
    if len(values) < _FEW:
        return [write_long(value) for value in values.tolist()]
    low, high = int(values.min()), int(values.max())
    width = len(write_long(high))
    if low < 0 or len(write_long(low)) != width:
        return [write_long(value) for value in values.tolist()]
    shifts = np.arange(width, dtype=np.int64) * 7
    groups = ((values << 1)[:, None] >> shifts) & 0x7F
    groups[:, :-1] |= 0x80
    flat = groups.astype(np.uint8).tobytes()
    return [flat[at : at + width] for at in range(0, len(flat), width)]
