"""Versions of behaviour: which there are (``versions.toml``), and which of them holds where.

A `Schedule` is what ``release.ingestion.v1`` says, in the order of the log. Of several entries that hold for a window
or a frame the last one counts. So a version is never a matter of when something was computed, or by whom: the stream, a
replay and a repair ask the same schedule and get the same answer.
"""

from __future__ import annotations

import base64
import json
import tomllib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from schemas.contracts import FOLDER

#: Before all times, and behind them, µs.
ALWAYS, FOREVER = -(1 << 62), 1 << 62
#: By how much each restatement raises the version of a result (``udfs/windows/kernels/bars.py``): more events than a
#: window ever has.
RAISED = 1 << 40
#: What everything is that was published before there were versions.
FIRST = 1
NAME = "versions.toml"


class VersionError(ValueError):
    """A schedule asks for a version that this code does not have, or cannot be read."""


@dataclass(frozen=True)
class Family:
    """A behaviour with versions; ``versions`` says of each what it does."""

    name: str
    job: str
    by: Literal["window", "offset"]
    current: int
    versions: Mapping[int, str]


def parse(text: str) -> dict[str, Family]:
    """Read the text of a ``versions.toml``.

    Raises:
        VersionError: it lacks something, or its current version is none of its versions.
    """
    found = {}
    for name, spec in tomllib.loads(text).items():
        try:
            versions = {int(number): str(what) for number, what in spec["versions"].items()}
            found[name] = Family(name, spec["job"], spec["by"], spec["current"], versions)
        except KeyError as error:
            raise VersionError(f"{name}: {error} is missing") from None
        if found[name].current not in versions:
            raise VersionError(f"{name}: version {found[name].current} is current, and there is none")
    return found


@lru_cache(maxsize=1)
def families() -> dict[str, Family]:
    """Return the behaviours of this code."""
    return parse((FOLDER / NAME).read_text())


def families_of(folder: Path) -> dict[str, Family]:
    """Return the behaviours of the code in a folder; code from before there were versions has the first of each."""
    path = folder / "schemas" / NAME
    if path.exists():
        return parse(path.read_text())
    return {
        one.name: Family(one.name, one.job, one.by, FIRST, {FIRST: one.versions.get(FIRST, "")})
        for one in families().values()
    }


@dataclass(frozen=True)
class Held:
    """An entry of the schedule: a version, and for what it holds.

    ``start`` and ``end`` bound the starts of windows, µs; ``offsets`` is by (topic, partition) the first frame.
    ``restated``: what had been published there is computed anew.
    """

    family: str
    version: int
    start: int = ALWAYS
    end: int = FOREVER
    offsets: Mapping[tuple[str, int], int] = field(default_factory=dict)
    restated: bool = False
    rules: str = ""


class Piece(NamedTuple):
    """Windows that start at or after ``start``: their version, and how often they were restated."""

    start: int
    version: int
    edition: int


class Turn(NamedTuple):
    """Frames at or behind ``offset``: their version, and the rules that judge them ('': those of the caller)."""

    offset: int
    version: int
    rules: str


@dataclass(frozen=True)
class Schedule:
    """Which version holds where. An empty one: the current versions hold everywhere."""

    held: tuple[Held, ...] = ()

    def of(self, family: str) -> tuple[Held, ...]:
        """Return the entries of a behaviour."""
        return tuple(one for one in self.held if one.family == family)

    def pieces(self, family: str) -> list[Piece]:
        """Return the versions of a behaviour by the start of the window, each from where the one before ends.

        Raises:
            VersionError: this code does not have one of them.
        """
        mine = self._known(family)
        bounds = sorted({ALWAYS, *(one.start for one in mine), *(one.end for one in mine if one.end != FOREVER)})
        found: list[Piece] = []
        for start in bounds:
            version, edition = families()[family].current, 0
            for one in mine:
                if one.start <= start < one.end:
                    version, edition = one.version, edition + one.restated
            if not found or found[-1][1:] != (version, edition):
                found.append(Piece(start, version, edition))
        return found

    def turns(self, family: str, topic: str, partition: int) -> list[Turn]:
        """Return the versions of a behaviour by the offset in a partition, each from where the one before ends.

        Raises:
            VersionError: this code does not have one of them.
        """
        found = [Turn(0, families()[family].current, "")]
        for one in self._known(family):
            first = max(0, one.offsets.get((topic, partition), 0))
            found = [turn for turn in found if turn.offset < first]
            if not found or found[-1][1:] != (one.version, one.rules):
                found.append(Turn(first, one.version, one.rules))
        return found

    def _known(self, family: str) -> tuple[Held, ...]:
        mine, known = self.of(family), families()[family].versions
        if strange := sorted({one.version for one in mine} - set(known)):
            have = ", ".join(map(str, known))
            raise VersionError(f"{family}: version {strange[0]} holds for some, and this code has {have}")
        return mine

    def last(self, family: str) -> Held | None:
        """Return what holds at the open end: of the newest windows, and of the next frames."""
        return next((one for one in reversed(self.of(family)) if one.end == FOREVER), None)

    def of_copies(self, parts: Mapping[tuple[str, int], tuple[int, int]]) -> Schedule:
        """Return the schedule for copies of parts of the log, whose offsets begin anew.

        Args:
            parts: by (topic, partition), the first offset of what was copied and the one behind its last.

        Raises:
            VersionError: a part holds frames of several versions, and the offset of a copy does not tell of which.
        """
        by_offset = [family.name for family in families().values() if family.by == "offset"]
        for (topic, partition), (first, end) in parts.items():
            for name in by_offset:
                turns = [turn.offset for turn in self.turns(name, topic, partition)]
                if cuts := [offset for offset in turns if first < offset < end]:
                    raise VersionError(
                        f"{topic}/{partition}: from offset {cuts[0]:,} on another version of {name} or other rules "
                        "hold, in the middle of what is read"
                    )
        found = []
        for one in self.held:
            moved = {place: 0 if one.offsets.get(place, 0) <= first else FOREVER for place, (first, _) in parts.items()}
            found.append(replace(one, offsets={**one.offsets, **moved}) if one.family in by_offset else one)
        return Schedule(tuple(found))

    def plus(self, held: Iterable[Held]) -> Schedule:
        """Return this schedule and what was recorded behind it."""
        return Schedule((*self.held, *held))

    # --- as text: for a job's parameters, and for replays without a broker --------------------------------------------

    def text(self) -> str:
        """Return the schedule as JSON."""
        return json.dumps([_document(one) for one in self.held])

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read what `text` has written; nothing is the empty schedule.

        Raises:
            VersionError: it is something else.
        """
        try:
            return cls(tuple(_held(one) for one in json.loads(text or "[]")))
        except (ValueError, KeyError, TypeError) as error:
            raise VersionError(f"no schedule of versions: {error!r}") from None


#: Parameter of a job, in which its schedule is packed: neither commas nor line breaks may be in it.
PARAMETER = "polyglot.versions"


def pack(text: str) -> str:
    """Return a schedule's text as a job's parameter."""
    return base64.b64encode(zlib.compress(text.encode())).decode()


def unpack(parameter: str) -> str:
    """Return the text that `pack` was given."""
    return zlib.decompress(base64.b64decode(parameter)).decode() if parameter else ""


def _document(one: Held) -> dict[str, Any]:
    offsets = [[topic, partition, offset] for (topic, partition), offset in sorted(one.offsets.items())]
    return {**{name: getattr(one, name) for name in _PLAIN}, "offsets": offsets}


_PLAIN = ("family", "version", "start", "end", "restated", "rules")


def _held(document: Mapping[str, Any]) -> Held:
    offsets = {(topic, int(partition)): int(offset) for topic, partition, offset in document["offsets"]}
    return Held(**{name: document[name] for name in _PLAIN}, offsets=offsets)
