"""From a source's blocks to acknowledged records: wrap, pace, send, remember."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectors.block import Block, Source
from collectors.checkpoint import Checkpoint, CheckpointFile
from collectors.producer import RawProducer
from collectors.wrap import Wrapper
from runtime.console import Tracker
from schemas.domains import UNASSIGNED, domains, raw_topic

SAVE_EVERY_S = 1.0
REPORT_EVERY_S = 5.0
#: Frames that are due are sent this often. Each tick is a request per partition, which costs the broker far more than
#: the frames in it: at 5,000 frames/s and ticks of 5 ms, more than half of its time.
TICK_S = 0.025


@dataclass
class Fed:
    """What one source became: ``frames`` were sent and acknowledged, ``resumed_after`` had been before."""

    source_id: str
    resumed_after: int = 0
    frames: int = 0
    payload_bytes: int = 0
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pace:
    """How fast receive times pass: ``speed`` times the wall clock, 0 for as fast as possible.

    With ``wall_clock`` the receive times *are* wall-clock times; else the first frame is due at once.
    """

    speed: float = 0.0
    wall_clock: bool = False


def venue_topics(venue: str) -> list[str]:
    """Return the raw topics of a venue."""
    return [raw_topic(venue, channel) for channel in (*domains().venues[venue].channels, UNASSIGNED)]


class Sender:
    """Wraps and queues the blocks of one source."""

    def __init__(self, venue: str, source_id: str, producer: RawProducer) -> None:
        self.venue = venue
        self.source_id = source_id
        self.producer = producer
        self._wrapper = Wrapper(venue, source_id)
        channels = (*domains().venues[venue].channels, UNASSIGNED)
        self._topics = {channel: raw_topic(venue, channel) for channel in channels}

    def send(self, block: Block) -> None:
        """Queue a block; wait while the producer's queue is full.

        Raises:
            CommandError: a record was not delivered.
        """
        self.producer.send(
            [self._topics[channel] for channel in block.channel],
            block.entity_id,
            self._wrapper.wrap(block),
            [received // 1000 for received in block.receive_us],
            block.seq[-1],
        )


class Pump:
    """Feeds one source. ``folder`` is where checkpoints live; without it nothing is remembered."""

    def __init__(self, source: Source, producer: RawProducer, cluster_id: str, folder: Path | None) -> None:
        self._source = source
        self._producer = producer
        self._cluster = cluster_id
        self._file = CheckpointFile(folder, source.venue, source.source_id) if folder else None
        self._sender = Sender(source.venue, source.source_id, producer)
        self._saved_seq = 0
        self._saved_at = time.monotonic()

    def resume_point(self) -> int:
        """Return the seq to resume after: the checkpoint's if Kafka still has the record it names, else 0."""
        found = self._file.load() if self._file else None
        here = (self._source.venue, self._source.source_id, self._cluster)
        if found is None or (found.venue, found.source_id, found.cluster_id) != here:
            return 0
        return found.seq if self._producer.holds(found.topic, found.partition, found.offset) else 0

    def run(self, after_seq: int, pace: Pace, tracker: Tracker) -> Fed:
        """Feed everything behind ``after_seq`` and wait until it is acknowledged.

        Raises:
            CommandError: a record was not delivered, or the source is damaged (what came before is fed).
        """
        fed = Fed(self._source.source_id, resumed_after=after_seq)
        started = reported = time.monotonic()
        self._producer.begin(after_seq)
        self._saved_seq = after_seq
        try:
            for block in self._due(self._source.blocks(after_seq), pace):
                self._sender.send(block)
                fed.frames += len(block)
                fed.payload_bytes += sum(map(len, block.payload))
                tracker.advance(len(block))
                now = time.monotonic()
                if now - self._saved_at > SAVE_EVERY_S:
                    self.save()
                if now - reported > REPORT_EVERY_S:
                    reported = now
                    tracker.describe(f"{fed.frames:,} frames, {fed.frames / (now - started):,.0f}/s")
        finally:
            # Also when the source turns out to be damaged: what was read of it is fed and remembered.
            self._producer.drain()
            self.save()
        fed.seconds = time.monotonic() - started
        return fed

    def save(self) -> None:
        """Write the checkpoint if more was acknowledged since the last time."""
        self._saved_at = time.monotonic()
        seq = self._producer.acked_seq
        if self._file and seq > self._saved_seq and self._producer.position[0]:
            self._file.save(
                Checkpoint(self._source.venue, self._source.source_id, self._cluster, seq, *self._producer.position)
            )
            self._saved_seq = seq

    def _due(self, blocks: Iterator[Block], pace: Pace) -> Iterator[Block]:
        """Cut blocks into what is due now, waiting in between; delivery reports are served while waiting."""
        if not pace.speed:
            yield from blocks
            return
        origin: int | None = None
        sent = 0.0
        for block in blocks:
            if origin is None:
                origin = block.receive_us[0]
                wall = origin / 1e6 if pace.wall_clock else time.time()
            start = 0
            while start < len(block):
                now = time.time()
                due = wall + (block.receive_us[start] - origin) / 1e6 / pace.speed
                if now < (ready := max(due, sent + TICK_S)):
                    self._producer.poll(min(ready - now, 0.2))
                    continue
                reached = origin + int((now - wall) * 1e6 * pace.speed)
                stop = start + 1
                while stop < len(block) and block.receive_us[stop] <= reached:
                    stop += 1
                yield block.slice(start, stop)
                start, sent = stop, now
