"""What a fold counts of itself: the domain metrics in Flink's UI and in Prometheus (docs/reference/metrics.md).

Each row that a fold emits brings an account along: what its counters rise by, and two gauges. The JVM registers them,
right behind the fold (``Account`` in ``connectors/blocks``). So they are there whether kernels run in a thread or in a
process, and cost one update per block.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

#: Records that came: of Kafka, copies among them.
RECORDS_IN = "records_in_total"
#: Of these, the ones that the fold took up, ...
ACCEPTED = "accepted_total"
#: ... known ones, and ...
DUPLICATES = "duplicates_total"
#: ... rejected ones, each of which is in the dead-letter topic of the job's domain, and ...
DEAD_LETTERS = "dead_letters_total"
#: ... those that are none of the fold's business.
PASSED_OVER = "passed_over_total"
#: What each record that came is one of.
BALANCE = (ACCEPTED, DUPLICATES, DEAD_LETTERS, PASSED_OVER)

#: Copies of a known id with other content: duplicates, and dead letters besides.
CONFLICTS = "conflicts_total"
#: Records that came too late: of normalization dead letters, of windows accepted ones behind the watermark.
LATE = "late_total"
#: Records that never came, by the holes in ``entity_seq``.
LOST = "lost_total"
#: Versions of windows that were published, and those of windows that the watermark had passed before.
RESULTS, CORRECTIONS = "results_total", "corrections_total"
REPAIR_REQUESTS = "repair_requests_total"

#: Gauges, of every fold and of those with watermarks.
STATE_BYTES, WATERMARK_LAG = "state_bytes", "watermark_lag_seconds"


class Counted(NamedTuple):
    """What became of something, and what is counted of it, by the counters' names."""

    out: Any
    counts: Mapping[str, int]


def account(names: Sequence[str], counted: Iterable[Counted], state_bytes: int, watermark: int) -> bytes:
    """Return the account of a row.

    Args:
        names: of the counters that the fold has, in the order in which the JVM knows them.
        counted: what the row is made of.
        state_bytes: what the task keeps as state.
        watermark: the shard's, µs.

    Raises:
        KeyError: something is counted that the fold has no counter for.
    """
    sums = dict.fromkeys(names, 0)
    for one in counted:
        for name, count in one.counts.items():
            sums[name] += count
    return struct.pack(f"<{2 + len(sums)}q", state_bytes, watermark, *sums.values())
