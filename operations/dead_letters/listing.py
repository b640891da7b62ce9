"""Dead letters: each rejected record once, filtered, counted by reason and topic, shown whole."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.dead_letters.reading import records
from runtime.config import Settings
from runtime.console import CommandError, Exit
from schemas.contracts import contract
from schemas.domains import domains
from udfs.wire.dead_letters import DeadLetter
from udfs.wire.envelope import decode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DeadLetterEntry(DeadLetter):
    """A dead letter as it was read."""

    @property
    def envelope(self) -> dict[str, Any] | None:
        """Return the rejected record's envelope, by the contract's names; None when it is none."""
        return _envelope(self.record)

    def document(self) -> dict[str, Any]:
        """Return the dead letter for people and ``--json``: its record decoded as far as it can be."""
        return {
            **{field.name: getattr(self, field.name) for field in fields(self) if field.name != "record"},
            "event_time": when(self.event_time),
            **readable(self.record),
        }


@dataclass(frozen=True)
class Filter:
    """Which dead letters; an empty field takes all. A reason also takes what it is the first part of: ``quality``."""

    domain: str = ""
    reason: str = ""
    entity: str = ""
    since: int | None = None
    ids: tuple[str, ...] = ()

    def takes(self, letter: DeadLetterEntry) -> bool:
        """Tell whether a dead letter is one of them."""
        return (
            self.domain in ("", letter.domain)
            and (not self.reason or f"{letter.reason}.".startswith(f"{self.reason}."))
            and self.entity in ("", letter.entity_id)
            and (self.since is None or letter.event_time >= self.since)
            and (not self.ids or letter.dead_letter_id in self.ids)
        )


def topics() -> list[str]:
    """Return the dead-letter topics."""
    return sorted(name for name, topic in domains().topics.items() if topic.contract == "dead_letter")


def dead_letters(settings: Settings, wanted: Filter) -> list[DeadLetterEntry]:
    """Read the dead letters, each once however often it was delivered, in the order of the topics.

    Dead letters are equal if all their fields are: an event that comes back after its id was forgotten is rejected
    once more.

    Raises:
        CommandError: no broker, or an id of the filter is not there.
    """
    read = (DeadLetterEntry(**record) for _, record in records(settings, topics(), "dead_letter"))
    found = list(dict.fromkeys(letter for letter in read if wanted.takes(letter)))
    if missing := set(wanted.ids) - {letter.dead_letter_id for letter in found}:
        raise CommandError(
            f"no such dead letter: {', '.join(sorted(missing))}", hint="See: polyglot deadletters ls", code=Exit.USAGE
        )
    return found


def counted(found: Iterable[DeadLetterEntry]) -> list[dict[str, Any]]:
    """Return the counts by domain, reason and topic, with first and last event time."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for letter in found:
        groups.setdefault((letter.domain, letter.reason, letter.topic), []).append(letter.event_time)
    return [
        {
            "domain": domain, "reason": reason, "topic": topic, "count": len(times), "first": when(min(times)),
            "last": when(max(times)),
        }
        for (domain, reason, topic), times in sorted(groups.items())
    ]  # fmt: skip


def when(micros: int) -> str:
    """Return µs UTC as ISO text."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


def readable(record: bytes) -> dict[str, Any]:
    """Return a raw record for people: its envelope decoded, None when it is none, and its own bytes as hex."""
    envelope = _envelope(record)
    shown = None if envelope is None else {**envelope, "payload": printable(envelope["payload"])}
    return {"envelope": shown, "record_hex": record.hex()}


def _envelope(record: bytes) -> dict[str, Any] | None:
    found, _, bad = decode([record])
    if bad:
        return None
    names = [field["name"] for field in contract("raw_envelope").schema["fields"]]
    return dict(zip(names, found.row(0), strict=True))


def printable(content: bytes) -> str:
    """Return JSON as it is, other text as JSON text, and what is no text as hex."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"0x{content.hex()}"
    return text if text.isprintable() else json.dumps(text)
