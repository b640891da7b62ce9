"""What the dead letters amount to: counts, and the events among them that came too late and nobody has settled.

Dead letters are counted from where the last look stopped. Events are identified by digests of their ids, so one that
came twice, or was delivered twice, is one. *Settled* is what `polyglot amend` found amended, or never to be amended:
it alone knows a copy of an accepted event from one that is missing. Both are files of this machine; where they are
lost, the topics are read again, and `polyglot amend --dry-run` settles again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from runtime.config import Settings
from udfs.gate.amendments import REASONS
from udfs.gate.resubmitted import AMEND, SUFFIX, original_id
from udfs.ingest.conflicts import REASON as CONFLICT

#: How many ids are kept; with more, counts of events are lower bounds.
MOST = 200_000


@dataclass
class Tally:
    """Dead letters up to the offsets ``at`` ("topic/partition"): records by reason, and digests of ids.

    ``late``: the events that came too late; ``conflicts``: the dead letters of conflicts; ``full``: some are left out.
    """

    at: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    late: set[str] = field(default_factory=set)
    conflicts: set[str] = field(default_factory=set)
    full: bool = False

    def take(self, letter: dict[str, Any]) -> None:
        """Count one letter, a record of the ``dead_letter`` contract."""
        self.counts[letter["reason"]] += 1
        name = letter["dead_letter_id"]
        if letter["reason"] in REASONS and SUFFIX[AMEND] not in name:
            self._note(self.late, digest_of(name))
        elif letter["reason"] == CONFLICT:
            self._note(self.conflicts, digest_of(name))

    def _note(self, ids: set[str], one: str) -> None:
        if len(ids) < MOST:
            ids.add(one)
        self.full |= one not in ids


def digest_of(event_id: str) -> str:
    """Return the digest that identifies an event here, whichever copy of it this is the id of."""
    return blake2b(original_id(event_id).encode(), digest_size=8).hexdigest()


def cluster_of(settings: Settings) -> str:
    """Return the id of the cluster, whose topics are counted.

    Raises:
        KafkaException: the broker does not answer.
    """
    return str(AdminClient({**settings.kafka.librdkafka(), "log_level": 0}).list_topics(timeout=5.0).cluster_id)


def load(settings: Settings, cluster: str) -> Tally:
    """Return how far the last look at this cluster came; nothing, when there was none by this version."""
    try:
        saved = _read(_file(settings, "dead_letters"), cluster)
        sets = set(map(str, saved["late"])), set(map(str, saved["conflicts"]))
        return Tally({str(place): int(at) for place, at in saved["at"].items()}, Counter(saved["counts"]), *sets,
                     full=bool(saved["full"]))  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Tally()


def save(settings: Settings, cluster: str, tally: Tally) -> None:
    """Keep a tally for the next look."""
    document = {"at": tally.at, "counts": tally.counts, "late": sorted(tally.late), "full": tally.full}
    _write(_file(settings, "dead_letters"), cluster, {**document, "conflicts": sorted(tally.conflicts)})


def settled(settings: Settings, cluster: str) -> set[str]:
    """Return the digests of the events that are settled."""
    try:
        return set(map(str, _read(_file(settings, "settled"), cluster)["events"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def settle(settings: Settings, event_ids: Iterable[str]) -> None:
    """Remember that these events wait for no amendment any more.

    Raises:
        KafkaException: the broker does not answer.
    """
    cluster = cluster_of(settings)
    before = settled(settings, cluster)
    events = before | {digest_of(one) for one in event_ids}
    if events != before:
        _write(_file(settings, "settled"), cluster, {"events": sorted(events)})


def _file(settings: Settings, name: str) -> Path:
    return settings.var_dir.resolve() / "status" / f"{name}.json"


def _read(file: Path, cluster: str) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads(file.read_text())
    if saved["cluster"] != cluster:
        raise ValueError("of another cluster")
    return saved


def _write(file: Path, cluster: str, document: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".tmp")
    fresh.write_text(json.dumps({"cluster": cluster, **document}))
    fresh.replace(file)
