"""The contract of raw records, written down once more from ``schemas/``: what each is, and when it is accepted.

Nothing here is the project's code, so that the code is judged by something else than itself. One record at a time, with
the standard library's JSON, datetimes and fractions.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from property.dialects import FRAMES, Frame, Row, WrongError, rows

SCHEMAS = Path(__file__).parents[2] / "schemas"
DAY = 86_400_000_000


class Raw(NamedTuple):
    """One envelope, in the contract's order."""

    event_id: str
    entity_id: str
    venue: str
    channel: str
    event_time: int
    event_time_source: str
    ingest_time: int
    source_id: str
    source_seq: int
    payload: bytes


@dataclass(frozen=True)
class Topic:
    """What ``domains.toml`` says of a raw topic; times in µs."""

    venue: str
    channel: str
    kind: str
    dialect: str
    channels: tuple[str, ...]
    skew: int
    horizon: int
    grace: int

    @property
    def window(self) -> int:
        """How far behind an entity's newest ingest time an id is remembered: as long as a copy can be accepted."""
        return self.horizon + self.skew

    @property
    def days_kept(self) -> int:
        """How many ingest dates before the newest an accepted record can have, and one more."""
        return (self.window + self.skew) // DAY + 2

    @property
    def venue_ids(self) -> bool:
        """Whether the venue numbers its events: Kraken alone does not."""
        return self.dialect != "kraken"


@cache
def topic(name: str) -> Topic:
    """Return what ``domains.toml`` says of ``raw.<venue>.<channel>.v1``."""
    document = tomllib.loads((SCHEMAS / "domains.toml").read_text())
    _, venue, channel, _ = name.split(".")
    said, defaults = document["venues"][venue], document["defaults"]
    kind = "" if channel == "unassigned" else said["channels"][channel]
    horizon = said.get("horizon_ms", defaults["horizon_ms"])
    channels = tuple(said["channels"])
    skew, grace = 1_000 * defaults["max_skew_ms"], 1_000 * defaults["gap_grace_ms"]
    return Topic(venue, channel, kind, said["dialect"], channels, skew, 1_000 * horizon, grace)


@cache
def schema(name: str, version: int = 0) -> tuple[bytes, dict[str, Any]]:
    """Return the header of a contract's wire format and the text of a version of it; 0: of its newest."""
    lock = json.loads((SCHEMAS / "ids.lock").read_text())["schemas"]
    mine = [one for one in lock if one["name"] == name and version in (0, int(one["version"]))]
    newest = max(mine, key=lambda one: int(one["version"]))
    return b"\0" + int(newest["id"]).to_bytes(4, "big"), json.loads((SCHEMAS / newest["file"]).read_text())


# --- records ---

_AMENDED = "~amended"


def amended_horizon(raw: Raw) -> int | None:
    """Return the horizon that an amendment states, at most ten years; None: the record is none."""
    assert not raw.source_id.startswith("redrive:"), "not written down here"
    if not raw.source_id.startswith("amend:"):
        return None
    found = re.fullmatch(r"amend:([1-9][0-9]{0,17}):[0-9a-f]{32}", raw.source_id)
    if not found or int(found[1]) > 3_653 * DAY:
        raise WrongError("bad_amendment")
    if not raw.event_id.endswith(_AMENDED):
        raise WrongError("wrong_identity")
    return int(found[1])


def identify(spec: Topic, raw: Raw) -> tuple[Frame, int | None]:
    """Return the frame that a record says it is, and the horizon it states if it is an amendment."""
    if (raw.venue, raw.channel) != (spec.venue, spec.channel):
        raise WrongError("wrong_topic")
    horizon = amended_horizon(raw)
    if raw.event_time_source == "ingest" and raw.event_time != raw.ingest_time:
        raise WrongError("wrong_identity")
    frame = FRAMES[spec.dialect](raw.payload)
    if frame.channel not in (*spec.channels, "unassigned"):
        raise WrongError("unknown_channel")
    entity = f"{spec.venue}:{frame.name}" if frame.name else spec.venue
    own_id = f"{entity}:{frame.channel}:{frame.own_id}"
    claimed_id = raw.event_id if horizon is None else raw.event_id.removesuffix(_AMENDED)
    claimed_time = raw.event_time if raw.event_time_source == "venue" else None
    claimed = (raw.entity_id, raw.channel, claimed_id, claimed_time)
    if claimed != (entity, frame.channel, own_id, frame.time):
        raise WrongError("wrong_identity")
    return frame, horizon


def judge(spec: Topic, raw: Raw) -> list[Row] | None:
    """Return what a record says; None where its kind is not normalized.

    Raises:
        WrongError: it is rejected.
    """
    frame, stated = identify(spec, raw)
    if frame.channel in ("unassigned", "control") or not spec.kind:
        return None
    found = rows(spec.kind, spec.dialect, frame)
    lags = [raw.ingest_time - row.time for row in found if row.time is not None]
    for lag in lags:
        if lag > (spec.horizon if stated is None else stated):
            raise WrongError("late")
        if lag < -spec.skew:
            raise WrongError("future")
    if stated is not None and not any(lag > spec.horizon for lag in lags):
        raise WrongError("bad_amendment")
    return found


def numbers(frame: Frame) -> tuple[int, int] | None:
    """Return the first and the last of the venue's numbers that a frame carries; None: none, or none to be followed."""
    if frame.channel == "depth":
        first, last = frame.body["U"], frame.body["u"]
        before = frame.body.get("pu")
        first = before + 1 if type(before) is int and before >= 0 else first
    else:
        first = last = int(frame.own_id)
    return (first, last) if first <= last < 2**62 else None
