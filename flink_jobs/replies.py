"""What kernels return, as the records of a reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas import catalog
from udfs.normalize.normalizer import Normalizer
from udfs.windows.fold import Told, WindowFold
from udfs.wire import envelope
from udfs.wire.blocks import NO_TIME, Part, Records, reply
from udfs.wire.dead_letters import DeadLetter


def dead_letter_records(topic: str, letters: Sequence[DeadLetter]) -> list[Records]:
    """Return dead letters; one without a time gets the client's."""
    if not letters:
        return []
    records = [(letter.event_time // 1000 or NO_TIME, letter.key(), letter.encode()) for letter in letters]
    return [Records.of(topic, records)]


def normalized_records(fold: Normalizer, part: Part, mark: int) -> list[Records]:  # noqa: ARG001 - as `Work.process`
    """Fold one part of a block into records for the wire sink.

    Values that are no envelope are the ingest job's dead letters, not this one's.
    """
    envelopes, _, _ = envelope.decode(part.values)
    out = fold.process(envelopes)
    found = dead_letter_records(catalog.dead_letters("normalization"), out.dead_letters)
    for target, kind in ((catalog.topic("trade"), out.trades), (catalog.topic("quote"), out.quotes)):
        if len(kind):  # a topic's records are of one kind
            found.append(Records(target, kind.event_time // 1000, kind.entity_ids, kind.wire()))
    side: dict[str, list[tuple[int, bytes, bytes]]] = {}
    for record in out.side:
        side.setdefault(record.topic, []).append((record.event_time // 1000, record.key, record.value))
    return found + [Records.of(topic, records) for topic, records in side.items()]


def bar_records(fold: WindowFold, part: Part, mark: int) -> list[Records]:
    """Fold one part of a block into windows; return what the watermark ``mark`` (µs) tells of them."""
    return told_records(fold, fold.process(part.topic, part.values, mark))


def bars_by_the_clock(fold: WindowFold, mark: int, all_windows: bool) -> tuple[list[Records], bool]:
    """Return what a tick tells, and whether the rest of it is to follow."""
    told = fold.tick(mark, everything=all_windows)
    return told_records(fold, told), told.waiting > 0


def last_bars(fold: WindowFold) -> list[Records]:
    """Return what is left at the end of a bounded input."""
    return told_records(fold, fold.close())


def told_records(fold: WindowFold, told: Told) -> list[Records]:
    """Return a fold's results, and its requests for repair."""
    found = []
    if len(told.results):
        results = told.results
        found.append(Records(fold.definition.topic, results.times, results.entity_ids(), results.wire()))
    if told.requests:
        requests = [(request.event_time // 1000, request.key(), request.encode()) for request in told.requests]
        found.append(Records.of(catalog.topic("repair_request"), requests))
    return found


def joined(parts: Iterable[list[Records]]) -> tuple[bytes]:
    """Return the reply to a block, as the one field of the output."""
    return (reply(records for part in parts for records in part),)
