"""What every source yields: frames in columns, in the source's own fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from udfs.gate.assign import assign

#: Largest sum of payload bytes in one block, so that a burst of huge frames does not fill memory.
MAX_BLOCK_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class Block:
    """Frames of equal length in columns; times in µs UTC.

    ``seq`` rises, but not always by one: a source that is split over processes leaves out what is not its own.
    ``event_time`` is None where the frame has no usable one.
    """

    seq: Sequence[int]
    receive_us: Sequence[int]
    payload: Sequence[bytes]
    entity_id: Sequence[str]
    channel: Sequence[str]
    event_id: Sequence[str]
    event_time: Sequence[int | None]

    def __len__(self) -> int:
        return len(self.seq)

    def slice(self, start: int, stop: int) -> Block:
        """Return the frames at positions ``start <= i < stop``."""
        cut = slice(start, stop)
        return Block(
            self.seq[cut],
            self.receive_us[cut],
            self.payload[cut],
            self.entity_id[cut],
            self.channel[cut],
            self.event_id[cut],
            self.event_time[cut],
        )


class Source(Protocol):
    """Where frames come from. The same ``source_id`` always means the same frames under the same ``seq``."""

    @property
    def venue(self) -> str: ...

    @property
    def source_id(self) -> str: ...

    def blocks(self, after_seq: int) -> Iterator[Block]:
        """Yield the frames with ``seq > after_seq``, in order."""
        ...


def assigned(venue: str, first_seq: int, receive_us: list[int], payload: list[bytes]) -> Block:
    """Return consecutive frames with the identity that their bytes give them."""
    found = [assign(venue, frame) for frame in payload]
    return Block(
        range(first_seq, first_seq + len(payload)),
        receive_us,
        payload,
        [one.entity_id for one in found],
        [one.channel for one in found],
        [one.event_id for one in found],
        [one.event_time for one in found],
    )
