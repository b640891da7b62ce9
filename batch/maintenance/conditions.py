"""Which services of a table are due, by what ``schemas/domains.toml`` says of its upkeep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from batch.maintenance.table_files import REPLACE, Layout
from schemas.domains import Table

COMPACTION, CLUSTERING, CLEANING = "compaction", "clustering", "cleaning"
_FORMAT = "%Y%m%d%H%M%S%f"


@dataclass(frozen=True)
class Condition:
    """A table as an operator wants to see it. Sizes in bytes; times as instants, empty for never.

    ``partitions`` are those with too many small files. ``all_old``: what was replaced, all of it, is kept no longer.
    """

    table: str
    files: int
    bytes: int
    small_files: int
    small_share: float
    log_files: int
    most_log_files: int
    stale_files: int
    stale_bytes: int
    unfinished: tuple[str, ...]
    last: dict[str, str]
    due: tuple[str, ...]
    partitions: tuple[str, ...]
    all_old: bool

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return dict(vars(self))


def condition(table: Table, layout: Layout, now: datetime | None = None) -> Condition:
    """Judge a table by its files.

    Args:
        table: the table, with its upkeep.
        layout: its files.
        now: by default now.
    """
    upkeep, now = table.upkeep, now or datetime.now(UTC)
    small = layout.small(upkeep.small_file)
    bases, logs = layout.bases, [one for one in layout.current if one.log]
    crowded = tuple(sorted(partition for partition, count in small.items() if count >= upkeep.small_files))
    done = layout.timeline
    compacted = done.newest("commit") if table.mode == "upsert" else ""
    unfinished = tuple(sorted({*done.pending.values()} & {COMPACTION, CLUSTERING, "clean"}))
    due = []
    if table.mode == "append" and (crowded or CLUSTERING in unfinished):
        due.append(CLUSTERING)
    if table.mode == "upsert" and (layout.most_logs() >= upkeep.log_files or COMPACTION in unfinished):
        due.append(COMPACTION)
    limit = now - timedelta(milliseconds=upkeep.kept_ms)
    replaced = [datetime.strptime(one.replaced, _FORMAT).replace(tzinfo=UTC) for one in layout.stale]
    if (replaced and min(replaced) <= limit) or "clean" in unfinished:
        due.append(CLEANING)
    return Condition(
        table=table.name,
        files=len(layout.current),
        bytes=sum(one.size for one in layout.current),
        small_files=small.total(),
        small_share=small.total() / len(bases) if bases else 0.0,
        log_files=len(logs),
        most_log_files=layout.most_logs(),
        stale_files=len(layout.stale),
        stale_bytes=sum(one.size for one in layout.stale),
        unfinished=unfinished,
        last={COMPACTION: compacted, CLUSTERING: done.newest(REPLACE), CLEANING: done.newest("clean")},
        due=tuple(due),
        partitions=crowded,
        all_old=max(replaced, default=limit) <= limit,
    )
