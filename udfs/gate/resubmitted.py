"""Amended and redriven copies of records, and how their envelopes mark them.

A resubmitted copy is a new raw record of the same payload. Its ``event_id`` is the original's and a suffix, its
``source_id`` says what it is, and its ``ingest_time`` is of the log's present, so that the duplicate rules take it for
a record of now:

    amend     <original>~amended                  amend:<horizon, µs>:<amendment id, 32 hex digits>
    redrive   <original>~redriven, ~redriven2 …   redrive:<original ingest time, µs>:<digest>:<reason>:<detail>

Both say all that a later replay needs, in the log itself, so that the gate decides by the record and its contract
alone. An amended copy is an event that came too late, judged by the horizon it states. A redriven one is a rejected
record after a fix: it is judged as if it had come when the original did, and it records the verdict on the record it is
a copy of, which stands whatever today's rules would say of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np

from udfs.kernels.slices import Longs, Slices
from udfs.values.rejects import Reject, shown
from udfs.values.times import DAY
from udfs.wire.envelope import Envelopes

Kind = Literal["redrive", "amend"]
REDRIVE: Literal["redrive"] = "redrive"
AMEND: Literal["amend"] = "amend"
#: How the source ids of copies begin, and what is behind their event ids.
PREFIX = {REDRIVE: "redrive:", AMEND: "amend:"}
SUFFIX = {REDRIVE: "~redriven", AMEND: "~amended"}
#: No amendment reaches further back, µs.
MAX_HORIZON = 3_653 * DAY
_EVENT = re.compile(r"(.*)(?:~amended|~redriven([2-9]|[1-9]\d{1,8})?)", re.DOTALL | re.ASCII)
_AMEND = re.compile(r"amend:([1-9]\d{0,17}):([0-9a-f]{32})", re.ASCII)
_REDRIVE = re.compile(r"redrive:(\d{1,18}):([^:]*:[^:]*:.*)", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True)
class Resubmitted:
    """A copy; ``micros`` is the original ingest time of a redriven one, the horizon of an amended one.

    ``event_id`` is the original's, ``number`` counts the redriven copies of it from 1, ``note`` is the rest of the
    source id.
    """

    kind: Kind
    micros: int
    event_id: str
    number: int
    note: str

    @property
    def copy_id(self) -> str:
        """Return the event id of this copy."""
        return copy_id(self.kind, self.event_id, self.number)

    @property
    def source_id(self) -> str:
        """Return the source id of this copy."""
        return source_id(self.kind, self.micros, self.note)

    @property
    def payload_id(self) -> str:
        """Return the event id that the payload says: a redriven copy may be one of an amended record."""
        return self.event_id.removesuffix(SUFFIX[AMEND]) if self.kind == REDRIVE else self.event_id

    @property
    def horizon(self) -> int | None:
        """Return the horizon, µs, that an amended copy states; None: its topic's.

        An amended record that is redriven was held against its own before; it has the furthest.
        """
        if self.kind == AMEND:
            return self.micros
        return None if self.payload_id == self.event_id else MAX_HORIZON

    def received(self, ingest_time: int) -> int:
        """Return when the event first came, µs, as far as the gate is concerned."""
        return self.micros if self.kind == REDRIVE else ingest_time

    @property
    def digest(self) -> str:
        """Return the digest of the record that was rejected before a redriven copy was sent."""
        return self.note.split(":", 1)[0]

    @property
    def verdict(self) -> Reject:
        """Return why that record was rejected."""
        _, reason, detail = self.note.split(":", 2)
        return Reject(reason, detail)


def copy_id(kind: Kind, event_id: str, number: int = 1) -> str:
    """Return the event id of a copy; number 0 is the original."""
    return event_id if number == 0 else f"{event_id}{SUFFIX[kind]}{number if number > 1 else ''}"


def source_id(kind: Kind, micros: int, note: str) -> str:
    """Return the source id of a copy."""
    return f"{PREFIX[kind]}{micros}:{note}"


def original_id(event_id: str) -> str:
    """Return the id of the event that a copy stands for; an original keeps its own."""
    found = _EVENT.fullmatch(event_id)
    return found[1] if found else event_id


def redriven(original: str, number: int, received: int, verdict: Reject, record: bytes) -> Resubmitted:
    """Return a copy of a rejected record.

    Args:
        original: event id of the record that was first rejected.
        number: of the copies that carry this id.
        received: ingest time of that first record, µs UTC.
        verdict: the dead letter's reason and detail.
        record: the rejected Kafka value; its digest says which record the verdict is on, whatever ids it claims.
    """
    return Resubmitted(REDRIVE, received, original, number, f"{digest_of(record)}:{verdict.reason}:{verdict.detail}")


def digest_of(record: bytes) -> str:
    """Return the digest by which a redriven copy names the record that was rejected."""
    return blake2b(record, digest_size=16).hexdigest()


def resubmitted(event_id: str, source: str) -> Resubmitted | None:
    """Read an envelope's ids; None when it is a collector's.

    Raises:
        Reject: ``bad_amendment``, when its source id begins as an amendment's does and is none; ``wrong_identity``,
            when it says one thing and the event id another.
    """
    horizon = stated_horizon(source)
    kind: Kind | None = AMEND if horizon is not None else REDRIVE if source.startswith(PREFIX[REDRIVE]) else None
    if kind is None:
        return None
    found = (_AMEND if kind == AMEND else _REDRIVE).fullmatch(source)
    if found is None:
        expected = "redrive:<ingest time>:<digest>:<reason>:<detail>"
        raise Reject("wrong_identity", f"source_id: expected {expected}, got {shown(source)}")
    event = _EVENT.fullmatch(event_id)
    number = int(event[2] or 1) if event else 0
    if event is None or copy_id(kind, event[1], number) != event_id:
        raise Reject("wrong_identity", f"event_id: not that of a copy, as its source {shown(source)} says")
    return Resubmitted(kind, int(found[1]), event[1], number, found[2])


def stated_horizon(source: str) -> int | None:
    """Return the horizon, µs, that an amended record's source id states; None: it is another source.

    Raises:
        Reject: ``bad_amendment``, it begins as an amendment's does, and is none.
    """
    if not source.startswith(PREFIX[AMEND]):
        return None
    match = _AMEND.fullmatch(source)
    if not match:
        expected = f"{PREFIX[AMEND]}<horizon in µs>:<32 hex digits>"
        raise Reject("bad_amendment", f"source_id: expected {expected}, got {shown(source)}")
    horizon = int(match[1])
    if horizon > MAX_HORIZON:
        raise Reject("bad_amendment", f"source_id: a horizon of {horizon} µs, at most {MAX_HORIZON}")
    return horizon


def as_normalized(envelopes: Envelopes, claims: Longs) -> tuple[Envelopes, Longs, Longs]:
    """Return the envelopes as they are normalized: under the event ids of their records, where in each the venue's own
    id ends, and when each first came (µs).

    A redriven copy is normalized under its original's id, an amended one under its own. ``claims`` are the records
    whose source ids begin as copies' do: only these are looked at.
    """
    ids = envelopes.event_ids
    if not len(claims):
        return envelopes, ids.size, envelopes.ingest_time
    size, own, received = ids.size.copy(), ids.size.copy(), envelopes.ingest_time.copy()
    for i in claims.tolist():
        try:
            copy = resubmitted(ids[i].decode(), envelopes.source_ids[i].decode())
        except Reject:
            continue  # as the gate found, too
        if copy is not None:
            own[i] = len(copy.payload_id.encode())
            size[i] = len(copy.event_id.encode()) if copy.kind == REDRIVE else size[i]
            received[i] = copy.received(int(received[i]))
    return envelopes.named(Slices(ids.data, ids.start, size)), own, received


class Verdicts:
    """The recorded verdicts on records of one topic that were redriven later in the log.

    The stream gave them when it met the records, by the rules of that day. A replay knows what comes later in the log,
    and must not give others.
    """

    def __init__(self, copies: Iterable[tuple[str, str]] = ()) -> None:
        """Take (event id, source id) of redriven records; others are left out."""
        self._found: dict[str, Reject] = {}
        times = []
        for event_id, source_id in copies:
            try:
                copy = resubmitted(event_id, source_id)
            except Reject:
                continue
            if copy is not None and copy.kind == REDRIVE:
                self._found[copy.digest] = copy.verdict
                times.append(copy.micros)
        self._times: Longs = np.array(sorted(dict.fromkeys(times)), dtype=np.int64)

    def __bool__(self) -> bool:
        return bool(self._found)

    def candidates(self, envelopes: Envelopes) -> Longs:
        """Return the records, by their ingest time, that may be originals of redriven ones."""
        if not len(self._times):
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(np.isin(envelopes.ingest_time, self._times))

    def recall(self, record: bytes, *, behind: bool = False) -> None:
        """Raise the recorded verdict on a record (its Kafka value), if there is one.

        A record ``behind`` the window of ids is rejected for that before any rule of quality sees it: such a verdict
        was on an earlier copy of it.

        Raises:
            Reject: the verdict.
        """
        verdict = self._found.get(digest_of(record))
        if verdict is not None and not (behind and verdict.reason.startswith("quality.")):
            raise Reject(verdict.reason, verdict.detail)
