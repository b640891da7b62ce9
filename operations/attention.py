"""What waits for an operator: open repair requests, events that came too late, conflicts."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import Any

from confluent_kafka import KafkaException

from operations.repairs import count_open
from operations.tally import Tally, cluster_of, load, save, settled
from runtime.config import Settings
from runtime.console import CommandError
from runtime.offsets import OffsetReader
from runtime.records import decoder, read
from schemas import catalog
from udfs.gate.amendments import REASONS
from udfs.gate.amendments import TOPIC as AMENDMENTS

DEAD_LETTERS = tuple(catalog.dead_letters(domain) for domain in ("ingestion", "normalization"))
#: How long one look may read, seconds; the next look goes on from there.
BUDGET_S = 1.5


@dataclass(frozen=True)
class Attention:
    """What waits; ``complete``: whether all dead letters are counted yet (each look counts on).

    ``dead_letters`` are records by reason, copies and second deliveries included. ``to_amend`` are distinct events that
    came too late, without those that `polyglot amend` has amended, or has found to be copies of accepted events or
    never to be amended. ``conflicts`` are distinct contents that came under the id of another.
    """

    open_repairs: int
    dead_letters: dict[str, int]
    complete: bool
    amendments: int
    amended_events: int
    to_amend: int
    conflicts: int

    def rows(self) -> list[list[str]]:
        least = "" if self.complete else "at least "
        command = "polyglot deadletters ls --reason conflict"
        return [
            ["repair requests", f"{self.open_repairs:,} open", "polyglot repair" if self.open_repairs else ""],
            ["too late, not settled", f"{least}{self.to_amend:,} events", "polyglot amend" if self.to_amend else ""],
            ["amended events", f"{self.amended_events:,} in {self.amendments:,} amendments", ""],
            ["conflicts", f"{least}{self.conflicts:,} contents", command if self.conflicts else ""],
        ]

    def document(self) -> dict[str, Any]:
        return {**asdict(self), **{reason: self.dead_letters.get(reason, 0) for reason in REASONS}}


def attention(settings: Settings) -> Attention | None:
    """Count what waits; None when the broker does not answer."""
    try:
        cluster = cluster_of(settings)
        tally, complete = _counted(settings, cluster)
        amended = _amended(settings)
        return Attention(
            open_repairs=count_open(settings),
            dead_letters=dict(tally.counts),
            complete=complete and not tally.full,
            amendments=len(amended),
            amended_events=sum(amended),
            to_amend=len(tally.late - settled(settings, cluster)),
            conflicts=len(tally.conflicts),
        )
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


def _counted(settings: Settings, cluster: str) -> tuple[Tally, bool]:
    """Count dead letters from where the last look stopped; return the tally and whether that is all."""
    reader, decode = OffsetReader(settings), decoder("dead_letter")
    begins, ends = reader.begins(DEAD_LETTERS), reader.ends(DEAD_LETTERS)
    tally = load(settings, cluster)
    if any(tally.at.get(_name(place), 0) > end for place, end in ends.items()):
        tally = Tally()  # not the topics that were counted
    for place in ends:
        tally.at.setdefault(_name(place), begins.get(place, 0))
    begin = {place: tally.at[_name(place)] for place in ends}
    for record in read(settings, begin, ends, budget_s=BUDGET_S):
        tally.at[_name(record[:2])] = record.offset + 1
        try:
            tally.take(decode(record.value))
        except ValueError:
            tally.counts["(not readable)"] += 1
    save(settings, cluster, tally)
    return tally, all(tally.at[_name(place)] >= end or end == begins[place] for place, end in ends.items())


def _name(place: tuple[str, int]) -> str:
    return f"{place[0]}/{place[1]}"
