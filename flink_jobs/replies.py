"""What kernels return, as the records of a reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from flink_jobs.fold_accounts import (
    ACCEPTED,
    CORRECTIONS,
    DEAD_LETTERS,
    DUPLICATES,
    LATE,
    LOST,
    PASSED_OVER,
    RECORDS_IN,
    REPAIR_REQUESTS,
    RESULTS,
    Counted,
)
from schemas import catalog
from udfs.normalize.normalizer import Normalizer
from udfs.windows.fold import Published, WindowFold
from udfs.windows.kernels import layout as at
from udfs.wire import envelope
from udfs.wire.blocks import NO_TIME, Part, Records, Watermarks, reply
from udfs.wire.dead_letters import DeadLetter
from udfs.wire.envelope import Envelopes

#: What is counted of normalization, and of windows.
NORMALIZER_COUNTERS = (RECORDS_IN, ACCEPTED, DUPLICATES, DEAD_LETTERS, PASSED_OVER, LATE)
WINDOW_COUNTERS = (RECORDS_IN, ACCEPTED, DUPLICATES, LATE, LOST, RESULTS, CORRECTIONS, REPAIR_REQUESTS)


def dead_letter_records(topic: str, dead_letters: Sequence[DeadLetter]) -> list[Records]:
    """Return dead letters; one without a time gets the client's."""
    if not dead_letters:
        return []
    records = [(letter.event_time // 1000 or NO_TIME, letter.key(), letter.encode()) for letter in dead_letters]
    return [Records.of(topic, records)]


def normalized_records(fold: Normalizer, part: Part, marks: Watermarks) -> Counted:  # noqa: ARG001 - as `Work.process`
    """Fold one part of a block into records for the wire sink.

    Values that are no envelope are the ingest job's dead letters, not this one's.
    """
    found = []
    for begin, end in fold.turns(part.partition, part.offsets):
        values = part.values if end - begin == len(part.values) else part.values.take(np.arange(begin, end))
        envelopes, _, bad = envelope.decode(values)
        found.append(normalized(fold, envelopes, len(bad)))
    return together(found)


def together(found: Sequence[Counted]) -> Counted:
    """Return the records of all, one behind the other, and what is counted of them."""
    if len(found) == 1:
        return found[0]
    counts: dict[str, int] = {}
    for one in found:
        for name, count in one.counts.items():
            counts[name] = counts.get(name, 0) + count
    return Counted([records for one in found for records in one.out], counts)


def normalized(fold: Normalizer, envelopes: Envelopes, bad: int = 0) -> Counted:
    """Fold envelopes into records for the wire sink; ``bad`` are records beside them that are none."""
    out = fold.process(envelopes)
    counts = {
        RECORDS_IN: len(envelopes) + bad,
        ACCEPTED: out.frames,
        DUPLICATES: out.duplicates,
        DEAD_LETTERS: len(out.dead_letters),
        PASSED_OVER: out.not_normalized + bad,
        LATE: sum(letter.reason == "late" for letter in out.dead_letters),
    }
    found = dead_letter_records(catalog.dead_letters("normalization"), out.dead_letters)
    for target, kind in ((catalog.topic("trade"), out.trades), (catalog.topic("quote"), out.quotes)):
        if len(kind):  # a topic's records are of one kind
            found.append(Records(target, kind.event_time // 1000, kind.entity_ids, kind.wire()))
    low_rate: dict[str, list[tuple[int, bytes, bytes]]] = {}
    for record in out.low_rate:
        low_rate.setdefault(record.topic, []).append((record.event_time // 1000, record.key, record.value))
    return Counted(found + [Records.of(topic, records) for topic, records in low_rate.items()], counts)


def bar_records(fold: WindowFold, part: Part, marks: Watermarks) -> Counted:
    """Fold one part of a block into windows; return the windows that the watermark makes due."""
    duplicates, lost = fold.count(at.DUPLICATES), fold.count(at.LOST)
    published = fold.process(part.topic, part.values, marks.now)
    ends = published.results.facts[:, fold.definition.columns["window_end"].word]
    records, again = len(part.values), fold.count(at.DUPLICATES) - duplicates
    counts = {
        RECORDS_IN: records,
        ACCEPTED: records - again,
        DUPLICATES: again,
        LATE: int(np.count_nonzero(1_000 * part.times < marks.before)),
        LOST: fold.count(at.LOST) - lost,
        CORRECTIONS: int(np.count_nonzero(ends <= marks.before)),
    }
    out = _published(fold, published)
    return Counted(out.out, {**counts, **out.counts})


def bars_by_the_clock(fold: WindowFold, watermark: int, all_windows: bool) -> tuple[Counted, bool]:
    """Return what a tick publishes, and whether more is to follow."""
    published = fold.tick(watermark, everything=all_windows)
    return _published(fold, published), published.waiting > 0


def last_bars(fold: WindowFold) -> Counted:
    """Return what is left at the end of a bounded input."""
    return _published(fold, fold.close())


def _published(fold: WindowFold, published: Published) -> Counted:
    """Return a fold's results, and its requests for repair."""
    found = []
    if len(published.results):
        results = published.results
        found.append(Records(fold.definition.topic, results.times, results.entity_ids(), results.wire()))
    if published.requests:
        requests = [(request.event_time // 1000, request.key(), request.encode()) for request in published.requests]
        found.append(Records.of(catalog.topic("repair_request"), requests))
    return Counted(found, {RESULTS: len(published.results), REPAIR_REQUESTS: len(published.requests)})


def joined(parts: Iterable[list[Records]]) -> tuple[bytes]:
    """Return the reply to a block, as the one field of the output."""
    return (reply(records for part in parts for records in part),)
