"""Cut-overs: from where a version of a job's behaviour holds, found and recorded before the job starts.

Two kinds of where (``schemas/versions.toml``). Frames: from the offsets at which the job was stopped, which its
savepoint has. Windows: from a time behind the start of every window that was ever published, so that no window has
results of two formulas, however late its corrections come.

What a job does is what the record says, never what its code could do: a release that knows a newer version goes on with
the one that holds until a cut-over is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch.publishing.sender import PublishError, Sender
from batch.ranges import format_instant
from operations import topics
from operations.releases import Release, packed
from operations.runs import known
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.offsets import OffsetReader
from runtime.readers.releases import TOPIC, demand, events, held, of_events
from runtime.records import encode
from schemas import catalog
from schemas.domains import domains
from schemas.versions import ALWAYS, FIRST, FOREVER, Family, Held, Schedule, families, families_of
from udfs.values.times import DAY

#: What is recorded when an upgrade is taken back.
BACK = "back"
#: The text of no rules.
NO_RULES = "# no rules\n"
#: In place of a time: as soon as no window that was published is concerned.
EARLIEST = "earliest"
#: (topic, partition) → next offset.
Places = Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class Cut:
    """Why jobs are started, and from where windows get newer versions.

    ``since`` is in µs; None: from the midnight (UTC) behind everything that was published.
    """

    action: str = "submit"
    since: int | None = None
    earliest: bool = False


def planned(
    settings: Settings, release: Release, names: Iterable[str], cut: Cut, saved: Mapping[str, Places]
) -> tuple[Schedule, list[dict[str, Any]]]:
    """Return what holds once jobs start, and what of it is to be recorded for that.

    Args:
        settings: settings.
        release: what the jobs are to run.
        names: the jobs.
        cut: why, and from where.
        saved: at which offsets they start, by job, as far as that is known.

    Raises:
        CommandError: the broker does not answer, windows from `cut` on were published already, or a version holds that
            the release does not have.
    """
    past, wanted, new = events(settings), families_of(release.folder), list[dict[str, Any]]()
    for family in families().values():
        if family.job in names:
            mine = [one for one in past if one["family"] == family.name]
            offsets: Places = {}
            if family.by == "offset":
                offsets = _reached(settings, family, saved.get(family.job, {}))
            new += _of(settings, release, wanted[family.name], cut, mine, offsets)
    found = of_events([*past, *new])
    demand(found)
    for name in {one.family for one in found.held} & set(wanted):
        _demand(found, release, wanted[name])
    return found, new


def _of(
    settings: Settings, release: Release, wanted: Family, cut: Cut, past: list[dict[str, Any]], offsets: Places
) -> list[dict[str, Any]]:
    """Return what is recorded of one behaviour: what held so far, if nothing said so, and a cut-over."""

    def event(one: Held, action: str, release: Release) -> dict[str, Any]:
        return _event(one, wanted.job, action, release)

    goal = Held(wanted.name, wanted.current, rules=_rules(release, wanted))
    found, last = list[dict[str, Any]](), of_events(past).last(wanted.name)
    if last is None:
        before, by = _before(settings, wanted, goal)
        found.append(event(before, cut.action, by or release))
        last = before
    who = [one["release"] for one in (*past, *found) if one["window_end"] is None][-1]
    if (last.version, last.rules, who) == (goal.version, goal.rules, release.id):
        return found
    changed = (last.version, last.rules) != (goal.version, goal.rules)
    if cut.action == BACK:  # at the place of what is taken back
        where = Held(goal.family, goal.version, last.start, last.end, last.offsets, rules=goal.rules)
    elif wanted.by == "offset":
        where = Held(goal.family, goal.version, offsets=offsets, rules=goal.rules)
    else:
        start = _start(settings, wanted, cut, changed=changed)
        where = Held(goal.family, goal.version, start, rules=goal.rules)
    return [*found, event(where, cut.action, release)]


def _start(settings: Settings, family: Family, cut: Cut, *, changed: bool) -> int:
    """Return from which start of a window on a version holds."""
    newest = 1_000 * OffsetReader(settings).newest_ms([catalog.topic(family.name)])
    if newest < 0:
        return ALWAYS
    if cut.since is not None and changed and cut.since <= newest:
        raise CommandError(
            f"{family.name} cannot change from {at(cut.since)} on: windows up to {at(newest)} are published",
            hint=f"--effective-from {EARLIEST}; published windows are computed anew by polyglot restate",
            code=Exit.USAGE,
        )
    if cut.earliest:
        return newest + 1
    return (newest // DAY + 1) * DAY if cut.since is None else max(cut.since, newest + 1)


def _before(settings: Settings, family: Family, goal: Held) -> tuple[Held, Release | None]:
    """Return what held before anything was recorded, everywhere, and the release that did it, if that is known.

    A job that has neither run nor written anything begins with its current version.
    """
    runs = known(settings, family.job)
    if runs.release:
        try:
            old = packed(settings, runs.release)
        except CommandError:
            old = None
        if old is not None:
            mine = families_of(old.folder)[family.name]
            return Held(family.name, mine.current, rules=_rules(old, mine)), old
    outputs = {"analytics": [catalog.topic("bar")], "normalize": [catalog.topic("trade"), catalog.topic("quote")]}
    ran = runs.job_ids or runs.savepoints or OffsetReader(settings).newest_ms(outputs[family.job]) >= 0
    return Held(family.name, FIRST if ran else goal.version, rules=goal.rules), None


def _rules(release: Release, family: Family) -> str:
    """Return the text of the rules that judge frames; that there are none is a text, too."""
    if family.by != "offset":
        return ""
    text = release.rules.read_text()
    return text if text.strip() else NO_RULES


def _reached(settings: Settings, family: Family, saved: Places) -> Places:
    """Return how far a job has come: what it has published stays, also when it starts from an older savepoint."""
    reader = OffsetReader(settings)
    committed = reader.committed(f"polyglot-{family.job}", reader.ends(domains().raw_topics(normalized_only=True)))
    return {place: max(saved.get(place, 0), committed.get(place, 0)) for place in {**committed, **saved}}


def _demand(found: Schedule, release: Release, family: Family) -> None:
    """See that a release has every version that holds somewhere.

    Raises:
        CommandError: it does not.
    """
    for piece in found.pieces(family.name):
        if piece.version not in family.versions:
            raise CommandError(
                f"release {release.id} has no version {piece.version} of {family.name}, which windows from "
                f"{at(piece.start)} on have",
                hint="keep the newer code and set the older version as current in schemas/versions.toml, then apply",
            )


def record(settings: Settings, new: Sequence[Mapping[str, Any]]) -> None:
    """Write events to the release topic, which is made if it is not there yet.

    Raises:
        CommandError: the broker did not take them.
    """
    if not new:
        return
    topics.apply(settings, [step for step in topics.plan(settings) if step.topic == TOPIC])
    try:
        with Sender(settings.kafka.librdkafka()) as sender:
            for one in new:
                sender.send(TOPIC, one["job"], encode("release", one), one["recorded_at"] // 1_000)
    except PublishError as error:
        raise CommandError(f"Kafka: cut-overs were not recorded: {error}") from error


def restatement(release: Release, family: str, version: int, start: int, end: int) -> dict[str, Any]:
    """Return the event by which published windows that start in [start, end) get another version."""
    return _event(Held(family, version, start, end, restated=True), families()[family].job, "restate", release)


def _event(one: Held, job: str, action: str, release: Release) -> dict[str, Any]:
    return {
        "job": job,
        "family": one.family,
        "version": one.version,
        "action": action,
        "release": release.id,
        "commit": release.commit,
        "recorded_at": time.time_ns() // 1_000,
        "restated": one.restated,
        "window_start": None if one.start == ALWAYS else one.start,
        "window_end": None if one.end == FOREVER else one.end,
        "offsets": [
            {"topic": topic, "partition": partition, "offset": max(0, offset)}
            for (topic, partition), offset in sorted(one.offsets.items())
        ],
        "rules": one.rules,
    }


def where(event: Mapping[str, Any]) -> str:
    """Return in words for what an event says that a version holds."""
    one = held(dict(event))
    if one.offsets:
        return f"frames behind offset {sum(one.offsets.values()):,} of {len(one.offsets)} partitions together"
    bounds = [f"from {at(one.start)}"] if one.start != ALWAYS else []
    bounds += [f"before {at(one.end)}"] if one.end != FOREVER else []
    return f"windows that start {' and '.join(bounds)}" if bounds else "everything"


def at(us: int) -> str:
    if us == ALWAYS:
        return "the beginning"
    return format_instant(us)
