"""What waits for an operator: open repair requests, and late events with what was amended of them."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from polyglot.config import Settings
from polyglot.console import CommandError
from polyglot.jobs.offsets import OffsetReader
from polyglot.jobs.records import decoder, read
from polyglot.jobs.repairs import count_open
from udfs.amendments import TOPIC as AMENDMENTS

DEAD_LETTERS = "deadletter.normalization.v1"
#: How long one look may read, seconds; the next look goes on from there.
BUDGET_S = 1.5


@dataclass(frozen=True)
class Attention:
    """Counts of records; ``complete``: whether all dead letters are counted yet (each look counts on)."""

    open_repairs: int
    dead_letters: dict[str, int]
    complete: bool
    amendments: int
    amended_events: int

    @property
    def late(self) -> int:
        return self.dead_letters.get("late", 0)

    def rows(self) -> list[list[str]]:
        least = "" if self.complete else "at least "
        return [
            ["repair requests", f"{self.open_repairs:,} open", "polyglot repair" if self.open_repairs else ""],
            ["late dead letters", f"{least}{self.late:,}", "polyglot amend" if self.late > self.amended_events else ""],
            ["amended events", f"{self.amended_events:,} in {self.amendments:,} amendments", ""],
        ]

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "late": self.late}


def attention(settings: Settings) -> Attention | None:
    """Count what waits; None when the broker does not answer."""
    try:
        reasons, complete = _reasons(settings)
        amended = _amended(settings)
        return Attention(count_open(settings), reasons, complete, len(amended), sum(amended))
    except (KafkaException, CommandError):
        return None


def _amended(settings: Settings) -> list[int]:
    """Return how many events each amendment has; one that was sent twice counts once."""
    reader, decode = OffsetReader(settings), decoder("amendment")
    found: dict[str, int] = {}
    for record in read(settings, reader.begins([AMENDMENTS]), reader.ends([AMENDMENTS]), budget_s=BUDGET_S):
        with contextlib.suppress(ValueError):
            one = decode(record.value)
            found[one["amendment_id"]] = one["events"]
    return list(found.values())


def _reasons(settings: Settings) -> tuple[dict[str, int], bool]:
    """Count dead letters by reason, from where the last look stopped; return the counts and whether that is all."""
    reader, decode = OffsetReader(settings), decoder("dead_letter")
    begins, ends = reader.begins([DEAD_LETTERS]), reader.ends([DEAD_LETTERS])
    cluster = AdminClient({**settings.kafka.librdkafka(), "log_level": 0}).list_topics(timeout=5.0).cluster_id
    file = settings.var_dir.resolve() / "status" / "dead_letters.json"
    at, counts = _load(file, cluster)
    for partition, end in ((place[1], end) for place, end in ends.items()):
        at.setdefault(partition, begins.get((DEAD_LETTERS, partition), 0))
        if at[partition] > end:  # not the topic that was counted
            at, counts = {p: begins[DEAD_LETTERS, p] for _, p in ends}, Counter()
            break
    begin = {(DEAD_LETTERS, partition): offset for partition, offset in at.items()}
    for record in read(settings, begin, ends, budget_s=BUDGET_S):
        at[record.partition] = record.offset + 1
        try:
            counts[decode(record.value)["reason"]] += 1
        except ValueError:
            counts["(not readable)"] += 1
    _save(file, cluster, at, counts)
    complete = all(at[partition] >= end or end == begins[topic, partition] for (topic, partition), end in ends.items())
    return dict(counts), complete


def _load(file: Path, cluster: str) -> tuple[dict[int, int], Counter[str]]:
    try:
        saved = json.loads(file.read_text())
        if saved["cluster"] != cluster:
            return {}, Counter()
        return {int(partition): int(offset) for partition, offset in saved["at"].items()}, Counter(saved["counts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, Counter()  # never counted before, or not by this version


def _save(file: Path, cluster: str, at: dict[int, int], counts: Counter[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".tmp")
    fresh.write_text(json.dumps({"cluster": cluster, "at": at, "counts": counts}))
    fresh.replace(file)
