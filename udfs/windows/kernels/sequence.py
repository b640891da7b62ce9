# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helper of kernels: exactly-once results over at-least-once topics, by ``entity_seq`` (law 4).

A producer that restarts sends a run of records again, in order: their numbers are not above the highest seen of their
(entity, stream, ingest date). Normalization numbers the newest ``DATES`` ingest dates of an entity and never an
older one (`Rules.days_kept`), so what is older than these was sent again, too, and each date has a place of
its own without any being forgotten too soon.
"""

from __future__ import annotations

from udfs.kernels.jit import inlined
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.state import State


@inlined
def is_new(s: State, entity: int, stream: int, order: int) -> bool:
    """Tell whether a record was not delivered before, and remember it; a hole before it is counted in ``LOST``.

    ``order`` is ``ingest date << SEQ_BITS | entity_seq``. The caller asks for repair where ``LOST`` rose.
    """
    date = order >> at.SEQ_BITS
    dates = s.facts[at.DATES]
    place = (entity * s.facts[at.STREAMS] + stream) * dates + date % dates
    last = s.seen[place]
    if order <= last:  # of the same date, or of a later one that has taken its place
        s.facts[at.DUPLICATES] += 1
        return False
    before = last & at.SEQ_MASK if last >= 0 and last >> at.SEQ_BITS == date else 0
    s.facts[at.LOST] += (order & at.SEQ_MASK) - before - 1
    s.seen[place] = order
    e = entity * at.E_WIDTH
    if s.entities[e + at.E_FLAGS] & at.MOVED == 0:
        s.entities[e + at.E_FLAGS] |= at.MOVED
        s.moved[s.facts[at.CHANGED_ENTITIES]] = entity
        s.facts[at.CHANGED_ENTITIES] += 1
    return True


@inlined
def ask(s: State, entity: int, stream: int, time: int, reason: int) -> None:
    """Note that a window is to be computed anew. The caller has made room."""
    x = s.facts[at.HOLES] * at.HOLE_WIDTH
    s.holes[x] = entity
    s.holes[x + 1] = stream
    s.holes[x + 2] = time
    s.holes[x + 3] = reason
    s.facts[at.HOLES] += 1
