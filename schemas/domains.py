"""``domains.toml`` as frozen objects: which domain owns which topic and table, under which objectives."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from schemas.contracts import FOLDER

UNASSIGNED = "unassigned"
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class Domain:
    """Whose topics and tables these are, and the service level that the owner promises. Times in milliseconds."""

    name: str
    owner: str
    tier: str
    lag_objective_ms: int


@dataclass(frozen=True)
class Topic:
    """One Kafka topic as its contract wants it. Times in milliseconds.

    ``hold`` is why nothing of it may be cut, a lawsuit for example; empty for none. ``archive`` is the table that must
    have a record before it is cut; empty where the broker cuts by age alone.
    """

    name: str
    domain: str
    contract: str
    key: str
    partitions: int
    replication: int
    retention_ms: int
    max_skew_ms: int
    horizon_ms: int
    gap_grace_ms: int = 0
    hold: str = ""
    archive: str = ""

    @property
    def cut_by_broker(self) -> bool:
        """Whether the broker may cut what is older than the retention, whoever has read it."""
        return not self.hold and not self.archive


@dataclass(frozen=True)
class Upkeep:
    """When a table's services are due. Sizes in bytes, times in milliseconds.

    A file below ``small_file`` is small. ``small_files`` of these in a partition make clustering due, which makes files
    of ``file_size`` of them. ``log_files`` in a file group make compaction due. What was replaced is kept for
    ``kept_ms``, for queries and replays that still read it; then cleaning is due.
    """

    small_file: int
    file_size: int
    small_files: int
    log_files: int
    kept_ms: int


@dataclass(frozen=True)
class Table:
    """One Hudi table: record key, partition column and write mode (``append`` or ``upsert``).

    ``sorted_by`` is the order that clustering gives rows, so that readers skip files.
    """

    name: str
    domain: str
    key: tuple[str, ...]
    partition: str
    mode: str
    contract: str | None
    sorted_by: tuple[str, ...]
    upkeep: Upkeep


@dataclass(frozen=True)
class Venue:
    """A venue: its wire dialect, and each of its channels with the kind it is normalized to ('' = not yet).

    ``sequences`` are the channels in which it numbers an instrument's events without a hole. ``revises``: it cancels
    and corrects trades, of which the newest are kept for that.
    """

    name: str
    dialect: str
    channels: dict[str, str]
    sequences: tuple[str, ...]
    revises: bool = False

    def read(self, channel: str) -> bool:
        """Whether normalization reads a channel: for its kind, or for its numbers alone."""
        return bool(self.channels.get(channel)) or channel in self.sequences


@dataclass(frozen=True)
class Domains:
    """The whole file."""

    venues: dict[str, Venue]
    domains: dict[str, Domain]
    topics: dict[str, Topic]
    tables: dict[str, Table]

    def topics_of(self, domain: str) -> list[str]:
        """Return the names of the topics that a domain owns and writes."""
        return sorted(name for name, topic in self.topics.items() if topic.domain == domain)

    def topics_becoming(self, *kinds: str) -> list[Topic]:
        """Return the raw topics whose channels are normalized to one of these kinds, by name."""
        names = [
            raw_topic(venue.name, channel)
            for venue in self.venues.values()
            for channel, kind in venue.channels.items()
            if kind in kinds
        ]
        return [self.topics[name] for name in sorted(names)]

    def revising(self) -> tuple[str, ...]:
        """Return the venues that cancel and correct trades."""
        return tuple(sorted(venue.name for venue in self.venues.values() if venue.revises))

    def lateness_ms(self) -> int:
        """Return how far behind the newest one an accepted trade or quote may be: windows wait for it that long."""
        return max(topic.horizon_ms + topic.max_skew_ms for topic in self.topics_becoming("trade", "quote"))

    def raw_topics(self, *, normalized_only: bool = False, venues: Collection[str] | None = None) -> list[str]:
        """Return the names of raw topics, of all venues or some; with ``normalized_only`` what normalization reads."""
        names = []
        for venue in self.venues.values():
            if venues is not None and venue.name not in venues:
                continue
            names += [
                raw_topic(venue.name, channel)
                for channel in venue.channels
                if venue.read(channel) or not normalized_only
            ]
            names.append(raw_topic(venue.name, UNASSIGNED))
        return sorted(names)


def raw_topic(venue: str, channel: str) -> str:
    """Return the raw topic of a venue's channel."""
    return f"raw.{venue}.{channel}.v1"


def duration_ms(text: str) -> int:
    """Parse ``"7d"``, ``"90s"`` … to milliseconds; ``"forever"`` is -1.

    Raises:
        ValueError: not a number with a unit of ms, s, m, h or d.

    """
    if text == "forever":
        return -1
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text)
    if not match:
        raise ValueError(f"a duration is a whole number with ms, s, m, h or d, or 'forever'; got {text!r}")
    return int(match[1]) * _UNIT_MS[match[2]]


def size_bytes(text: str) -> int:
    """Parse ``"128MB"``, ``"64kB"`` … to bytes, by powers of two.

    Raises:
        ValueError: not a whole number with kB, MB or GB.
    """
    match = re.fullmatch(r"(\d+)(kB|MB|GB)", text)
    if not match:
        raise ValueError(f"a size is a whole number with kB, MB or GB; got {text!r}")
    return int(match[1]) << {"kB": 10, "MB": 20, "GB": 30}[match[2]]


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _table(name: str, domain: str, spec: dict[str, Any], defaults: dict[str, Any]) -> Table:
    merged = {**defaults, **spec}
    return Table(
        name=name,
        domain=domain,
        key=_names(merged["key"]),
        partition=merged["partition"],
        mode=merged["mode"],
        contract=merged.get("contract"),
        sorted_by=_names(merged["sorted_by"]),
        upkeep=Upkeep(
            small_file=size_bytes(merged["small_file"]),
            file_size=size_bytes(merged["file_size"]),
            small_files=merged["small_files"],
            log_files=merged["log_files"],
            kept_ms=duration_ms(merged["kept"]),
        ),
    )


def _topic(name: str, domain: str, spec: dict[str, Any], defaults: dict[str, Any]) -> Topic:
    merged = {**defaults, **spec}
    return Topic(
        name=name,
        domain=domain,
        contract=merged["contract"],
        key=merged["key"],
        partitions=merged["partitions"],
        replication=merged["replication"],
        retention_ms=duration_ms(merged["retention"]),
        max_skew_ms=merged["max_skew_ms"],
        horizon_ms=merged["horizon_ms"],
        gap_grace_ms=merged["gap_grace_ms"],
        hold=merged.get("hold", ""),
        archive=merged.get("archive", ""),
    )


def _overrides(venue: dict[str, Any]) -> dict[str, Any]:
    """Return what a venue's raw topics have of their own: everything but who speaks how."""
    return {name: value for name, value in venue.items() if name not in ("dialect", "channels")}


@lru_cache(maxsize=1)
def domains() -> Domains:
    """Read ``schemas/domains.toml``."""
    return parse((FOLDER / "domains.toml").read_text())


def parse(text: str) -> Domains:
    """Read the text of a domain file.

    Raises:
        ValueError: it is no TOML, or a duration in it is none.
        KeyError: something that must be said is not.
    """
    doc = tomllib.loads(text)
    defaults = doc["defaults"]
    venues = {
        name: Venue(
            name, spec["dialect"], dict(spec["channels"]), tuple(spec.get("sequences", ())), spec.get("revises", False)
        )
        for name, spec in doc["venues"].items()
    }
    topics: dict[str, Topic] = {}
    tables: dict[str, Table] = {}
    owned: dict[str, Domain] = {}
    for domain, spec in doc["domains"].items():
        owned[domain] = Domain(domain, spec["owner"], spec["tier"], spec["lag_objective_ms"])
        if raw := spec.get("raw"):
            for venue in venues.values():
                for channel in (*venue.channels, UNASSIGNED):
                    name = raw_topic(venue.name, channel)
                    topics[name] = _topic(name, domain, {**raw, **_overrides(doc["venues"][venue.name])}, defaults)
        for name, topic in spec.get("topics", {}).items():
            topics[name] = _topic(name, domain, topic, defaults)
        for name, table in spec.get("tables", {}).items():
            tables[name] = _table(name, domain, table, doc["tables"])
    return Domains(venues, owned, topics, tables)
