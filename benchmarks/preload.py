"""Topics filled once and read by all repeats, and what must become of them.

One pass over the simulated frames sends them and runs the product's kernels on them, so that each output can be held
against what the kernels make of the same frames, and each bar against sums in plain Python.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orjson import loads

from benchmarks.topics import ENVELOPES_PART, FRAMES, FRAMES_PART, Digest, make
from collectors.block import Block
from collectors.producer import RawProducer
from collectors.pump import venue_topics
from collectors.sim import SimSpec, Simulator
from collectors.sim.spec import VENUE
from collectors.wrap import Wrapper
from runtime.config import Settings
from schemas.domains import raw_topic
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode

#: Channels of which records are normalized, and the names that the venue's frames give them.
CHANNELS = {"trade": "trade", "book_ticker": "bookTicker"}
#: (kind of frame, symbol, second) → how many, and the sum of the trades' sizes.
Seconds = dict[tuple[str, str, int], tuple[int, Decimal]]


@dataclass
class Expected:
    """What must become of a topic's frames.

    ``normalized`` are the wire values of trades and quotes, ``numbered`` event id, number and time of each,
    ``rejected`` how many frames the gate rejects.
    """

    normalized: Digest = field(default_factory=Digest)
    numbered: Digest = field(default_factory=Digest)
    rejected: int = 0
    seconds: Seconds = field(default_factory=dict)


@dataclass
class Loaded:
    """What the topics hold: all frames, and those of their first part."""

    frames: int
    manifest: dict[str, Any]
    rate: float
    whole: Expected
    part: Expected


def preload(settings: Settings, frames: int, part: int, *, seed: int, raw: bool = True) -> Loaded:
    """Fill the topics with the first ``frames`` of a spec, with their usual disorder, copies and faults.

    Args:
        settings: of the broker.
        frames: how many.
        part: how many of them go to the topics for what is slow as well.
        seed: of the spec.
        raw: whether the product's raw topics are filled, too.
    """
    made = (FRAMES, FRAMES_PART, ENVELOPES_PART)
    make(settings, made)
    spec = SimSpec(seed=seed)
    source = Simulator(spec, frames)
    producer = RawProducer(settings.kafka)
    producer.connect([*venue_topics(VENUE), *made])
    wrapper = Wrapper(VENUE, source.source_id)
    whole, in_part = _Oracle(), _Oracle()
    started = time.monotonic()
    with producer.closing():
        for block in source.blocks(0):
            wire = wrapper.wrap(block)
            stamps = [received // 1000 for received in block.receive_us]
            if raw:
                topics = [raw_topic(VENUE, channel) for channel in block.channel]
                producer.send(topics, block.entity_id, wire, stamps, block.seq[-1])
            good = whole.take(block, wire)
            _send(producer, FRAMES, good, block, block.payload, stamps)
            # The last block of the part may be cut: the kernels must see the frames that the loops do.
            few = min(len(block), part - block.seq[0] + 1)
            if few > 0:
                cut = block.slice(0, few)
                good = in_part.take(cut, wire[:few])
                _send(producer, FRAMES_PART, good, block, block.payload, stamps)
                mine = [i for i in range(few) if block.channel[i] in CHANNELS]
                _send(producer, ENVELOPES_PART, mine, block, wire, stamps)
    seconds = time.monotonic() - started
    return Loaded(frames, source.manifest.document(), round(frames / seconds), whole.expected, in_part.expected)


def _send(producer: RawProducer, topic: str, which: list[int], block: Block, values: Any, stamps: list[int]) -> None:
    if which:
        producer.send(
            [topic] * len(which), [block.entity_id[i] for i in which], [values[i] for i in which],
            [stamps[i] for i in which], block.seq[-1],
        )  # fmt: skip


class _Oracle:
    """Runs the product's kernels on frames in log order; a shard's boundaries change nothing for an entity."""

    def __init__(self) -> None:
        self.expected = Expected()
        self._kernels = {channel: Normalizer(raw_topic(VENUE, channel)) for channel in CHANNELS}

    def take(self, block: Block, wire: list[bytes]) -> list[int]:
        """Fold a block's frames; return the positions of those that are good, copies with them."""
        good: list[int] = []
        for channel, kernel in self._kernels.items():
            index = [i for i, name in enumerate(block.channel) if name == channel]
            envelopes, _, _ = decode([wire[i] for i in index])
            out = kernel.process(envelopes)
            kernel.delta()  # nobody asks for it, but it would grow
            for rows in (out.trades, out.quotes):
                for value in rows.encode():
                    self.expected.normalized.add(value)
                for row, seq, event_time in zip(
                    rows.rows.tolist(), rows.entity_seq.tolist(), rows.event_time.tolist(), strict=True
                ):
                    self.expected.numbered.add(numbered(block.event_id[index[row]], seq, event_time))
                    self._count(block.payload[index[row]])
            bad = {letter.dead_letter_id for letter in out.dead_letters}
            self.expected.rejected += len(out.dead_letters)
            good += [i for i in index if block.event_id[i] not in bad]
        return sorted(good)

    def _count(self, payload: bytes) -> None:
        frame = loads(payload)["data"]
        key = (frame["e"], frame["s"], frame["T"] // 1000)
        count, volume = self.expected.seconds.get(key, (0, Decimal(0)))
        size = Decimal(frame["q"]) if frame["e"] == "trade" else Decimal(0)
        self.expected.seconds[key] = (count + 1, volume + size)


def numbered(event_id: str, seq: int, event_time: int) -> bytes:
    """Return what the digest of numbered records is made of; the time in µs."""
    return f"{event_id} {seq} {event_time}".encode()


def longer(seconds: Seconds, length: int) -> Iterator[tuple[tuple[str, str, int], tuple[int, Decimal]]]:
    """Yield windows of ``length`` seconds: (kind of frame, symbol, start in s) → count and volume."""
    found: Seconds = {}
    for (kind, symbol, second), (count, volume) in seconds.items():
        key = (kind, symbol, second // length * length)
        before, sums = found.get(key, (0, Decimal(0)))
        found[key] = (before + count, sums + volume)
    yield from found.items()
