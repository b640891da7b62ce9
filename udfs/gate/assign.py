"""Assign a venue's frame to its entity, channel and identity."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.domains import domains
from udfs.values.rejects import Reject
from udfs.venues import DIALECTS
from udfs.venues.frames import CONTROL, UNASSIGNED, Frame, digest


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a frame belongs; ``event_time`` in µs UTC, None when the frame has no usable one."""

    entity_id: str
    channel: str
    event_id: str
    event_time: int | None


_VENUES = {
    venue.name: (DIALECTS[venue.dialect].parse, frozenset({*venue.channels, UNASSIGNED}))
    for venue in domains().venues.values()
}


def parse(venue: str, payload: bytes) -> Frame:
    """Parse a frame of a venue in ``domains.toml``.

    Raises:
        KeyError: the venue is not in ``domains.toml``.
        Reject: the frame is malformed, or of a channel that its dialect knows and this venue does not have.
    """
    dialect, channels = _VENUES[venue]
    frame = dialect(payload)
    if frame.channel not in channels:
        raise Reject("unknown_channel", f"{venue} has no {frame.channel}")
    return frame


def of_frame(venue: str, frame: Frame) -> Assignment:
    """Return the assignment of a parsed frame."""
    entity = venue
    if frame.channel not in (UNASSIGNED, CONTROL):
        entity = f"{venue}:{frame.symbol}{frame.suffix}"
    return Assignment(entity, frame.channel, f"{entity}:{frame.channel}:{frame.venue_id}", frame.event_time)


def unassigned(venue: str, payload: bytes) -> Assignment:
    """Return the assignment of a frame that belongs to no entity: the venue itself."""
    return Assignment(venue, UNASSIGNED, f"{venue}:{UNASSIGNED}:{digest(payload)}", None)


def assign(venue: str, payload: bytes) -> Assignment:
    """Assign a frame of a venue in ``domains.toml``; whatever the bytes are, it never raises.

    Raises:
        KeyError: the venue is not in ``domains.toml``.
    """
    try:
        return of_frame(venue, parse(venue, payload))
    except Reject:
        return unassigned(venue, payload)
