"""From where which version of a job's behaviour holds, as ``release.ingestion.v1`` has it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.readers.log import decode, messages
from schemas import catalog
from schemas.catalog import DAY
from schemas.versions import ALWAYS, FOREVER, Held, Schedule, VersionError

TOPIC = catalog.topic("release")
#: In place of a file: this code's versions hold everywhere.
CURRENT = "current"


def events(settings: Settings) -> list[dict[str, Any]]:
    """Return the records of the topic, in the order of the log.

    Raises:
        CommandError: the broker does not answer, or a record cannot be read.
    """
    try:
        return [decode("release", record.value) for record in messages(settings, [TOPIC])]
    except ValueError as error:
        raise CommandError(f"{TOPIC} has a record that cannot be read: {error}") from None


def schedule(settings: Settings, source: str = "") -> Schedule:
    """Return which version holds where.

    Args:
        settings: of the installation.
        source: a file that `polyglot versions --save` has written, for who has no broker; ``current`` for this code's
            versions everywhere; empty for the topic.

    Raises:
        CommandError: the broker does not answer, the file cannot be read, or a version holds that this code does not
            have.
    """
    if source == CURRENT:
        return Schedule()
    try:
        found = of_file(Path(source)) if source else of_events(events(settings))
    except CommandError as error:
        hint = f"a replay must know which versions hold: {error.hint or 'start the broker'}, or --versions FILE"
        raise CommandError(str(error), hint=hint, code=error.code) from None
    demand(found)
    return found


def of_events(found: Iterable[dict[str, Any]]) -> Schedule:
    """Return the schedule of decoded records."""
    return Schedule(tuple(map(held, found)))


def restated_days(found: Iterable[dict[str, Any]], since: int) -> set[int]:
    """Return the days, since the epoch, of windows whose restatement was recorded at or after a time, µs."""
    days: set[int] = set()
    for one in found:
        if one["restated"] and one["recorded_at"] >= since:
            days |= set(range(one["window_start"] // DAY, -(-one["window_end"] // DAY)))
    return days


def held(event: dict[str, Any]) -> Held:
    """Return the entry of a decoded record."""
    start, end = event["window_start"], event["window_end"]
    return Held(
        event["family"],
        event["version"],
        ALWAYS if start is None else start,
        FOREVER if end is None else end,
        {(one["topic"], one["partition"]): one["offset"] for one in event["offsets"]},
        event["restated"],
        event["rules"],
    )


def of_file(path: Path) -> Schedule:
    """Read a schedule from a file.

    Raises:
        CommandError: there is none.
    """
    try:
        return Schedule.of_text(path.read_text())
    except (OSError, VersionError) as error:
        raise CommandError(f"--versions {path}: {error}", code=Exit.USAGE) from None


def demand(found: Schedule) -> None:
    """See that this code has every version that holds somewhere.

    Raises:
        CommandError: it does not.
    """
    try:
        for name in {one.family for one in found.held}:
            found.pieces(name)
    except (VersionError, KeyError) as error:
        raise CommandError(
            f"{error}", hint="a later release has published something: replay and run with that one or a newer one"
        ) from None
