# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: records that were delivered before, and windows that must be computed anew."""

from __future__ import annotations

from udfs.kernels.delivered import advance
from udfs.kernels.jit import inlined
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.state import State


@inlined
def is_new(s: State, entity: int, stream: int, order: int) -> bool:
    """Tell whether a record was not delivered before, and remember it; a hole before it is counted in ``LOST``.

    ``order`` is ``ingest date << SEQ_BITS | entity_seq``. The caller asks for repair where ``LOST`` rose.
    """
    dates = s.facts[at.DATES]
    missing = advance(s.seen, (entity * s.facts[at.STREAMS] + stream) * dates, dates, order)
    if missing < 0:
        s.facts[at.DUPLICATES] += 1
        return False
    s.facts[at.LOST] += missing
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
