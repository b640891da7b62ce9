# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helper of kernels: exactly-once results over at-least-once topics, by ``entity_seq`` (law 4).

A producer that restarts sends a run of records again, in order: their numbers are not above the highest seen of their
(entity, stream, ingest date). Normalization numbers the newest ``dates`` ingest dates of an entity and never an older
one (`Rules.days_kept`), so what is older than these was sent again, too, and each date has a slot of its own without
any being forgotten too soon.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import inlined
from udfs.kernels.slices import Longs

#: An ingest date and a number within it, in one integer that orders as the pair does: ``date << SEQ_BITS | number``.
SEQ_BITS = 40
SEQ_MASK = (1 << SEQ_BITS) - 1


@inlined
def advance(seen: Longs, first: int, dates: int, order: int) -> int:
    """Remember a record that was not delivered before.

    Args:
        seen: the highest ``order`` of each slot, -1: none.
        first: where the ``dates`` slots of the record's entity and stream begin.
        dates: how many ingest dates have a slot.
        order: of the record.

    Returns:
        How many numbers are missing before it, or -1 if it was delivered before.
    """
    date = order >> SEQ_BITS
    slot = first + date % dates
    last = seen[slot]
    if order <= last:  # of the same date, or of a later one that has taken its slot
        return np.int64(-1)
    seen[slot] = order
    before = last & SEQ_MASK if last >= 0 and last >> SEQ_BITS == date else 0
    return max(np.int64(0), (order & SEQ_MASK) - before - 1)
