"""What kernels return, as the records of a reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas import catalog
from udfs.normalize.normalizer import Normalizer
from udfs.windows.fold import Published, WindowFold
from udfs.wire import envelope
from udfs.wire.blocks import NO_TIME, Part, Records, reply
from udfs.wire.dead_letters import DeadLetter


def dead_letter_records(topic: str, dead_letters: Sequence[DeadLetter]) -> list[Records]:
    """Return dead letters; one without a time gets the client's."""
    if not dead_letters:
        return []
    records = [(letter.event_time // 1000 or NO_TIME, letter.key(), letter.encode()) for letter in dead_letters]
    return [Records.of(topic, records)]


def normalized_records(fold: Normalizer, part: Part, watermark: int) -> list[Records]:  # noqa: ARG001 - as `Work.process`
    """Fold one part of a block into records for the wire sink.

    Values that are no envelope are the ingest job's dead letters, not this one's.
    """
    envelopes, _, _ = envelope.decode(part.values)
    out = fold.process(envelopes)
    found = dead_letter_records(catalog.dead_letters("normalization"), out.dead_letters)
    for target, kind in ((catalog.topic("trade"), out.trades), (catalog.topic("quote"), out.quotes)):
        if len(kind):  # a topic's records are of one kind
            found.append(Records(target, kind.event_time // 1000, kind.entity_ids, kind.wire()))
    low_rate: dict[str, list[tuple[int, bytes, bytes]]] = {}
    for record in out.low_rate:
        low_rate.setdefault(record.topic, []).append((record.event_time // 1000, record.key, record.value))
    return found + [Records.of(topic, records) for topic, records in low_rate.items()]


def bar_records(fold: WindowFold, part: Part, watermark: int) -> list[Records]:
    """Fold one part of a block into windows; return the windows that ``watermark`` (µs) makes due."""
    return published_records(fold, fold.process(part.topic, part.values, watermark))


def bars_by_the_clock(fold: WindowFold, watermark: int, all_windows: bool) -> tuple[list[Records], bool]:
    """Return what a tick publishes, and whether more is to follow."""
    published = fold.tick(watermark, everything=all_windows)
    return published_records(fold, published), published.waiting > 0


def last_bars(fold: WindowFold) -> list[Records]:
    """Return what is left at the end of a bounded input."""
    return published_records(fold, fold.close())


def published_records(fold: WindowFold, published: Published) -> list[Records]:
    """Return a fold's results, and its requests for repair."""
    found = []
    if len(published.results):
        results = published.results
        found.append(Records(fold.definition.topic, results.times, results.entity_ids(), results.wire()))
    if published.requests:
        requests = [(request.event_time // 1000, request.key(), request.encode()) for request in published.requests]
        found.append(Records.of(catalog.topic("repair_request"), requests))
    return found


def joined(parts: Iterable[list[Records]]) -> tuple[bytes]:
    """Return the reply to a block, as the one field of the output."""
    return (reply(records for part in parts for records in part),)
