"""Whether a snapshot can be taken here, and whether one can be restored here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from batch.snapshots.snapshot_manifest import RULES, Manifest, SnapshotError, contracts
from runtime.config import Settings
from runtime.flink_rest import FlinkRest
from runtime.object_store import Place
from runtime.offsets import OffsetReader
from schemas.domains import domains
from schemas.versions import Schedule, VersionError, families


def demand_one_version(schedule: Schedule, ends: Mapping[tuple[str, int], int]) -> None:
    """See that this code's versions hold for all there is: a stack elsewhere computes all of it by them.

    Raises:
        SnapshotError: another version holds for a part, or results were restated.
    """
    try:
        moved = schedule.of_copies({place: (0, end) for place, end in ends.items()})
    except VersionError as error:
        raise SnapshotError(f"{error}: a snapshot is of one version") from None
    for one in moved.held:
        if one.restated or one.version != families()[one.family].current:
            raise SnapshotError(
                f"{one.family}: version {one.version} holds for a part of it{', restated' if one.restated else ''}: "
                "a snapshot is of this code's versions alone"
            )


def raw_ends(settings: Settings) -> dict[tuple[str, int], int]:
    """Return the end of each partition of the raw topics."""
    return dict(OffsetReader(settings).ends(domains().raw_topics()))


def partitions(ends: Mapping[tuple[str, int], int]) -> dict[str, int]:
    """Return how many partitions each topic has."""
    return {name: sum(topic == name for topic, _ in ends) for name in sorted({topic for topic, _ in ends})}


def rules_digest(settings: Settings) -> str:
    return hashlib.sha256(settings.quality_file.read_bytes()).hexdigest()


def demand_empty_stack(settings: Settings, manifest: Manifest, place: Place) -> None:
    """See that a snapshot can be restored into this stack, and gives the same bytes here.

    Raises:
        SnapshotError: jobs run, a raw topic has records, or contracts, rules or partitions are others.
    """
    if manifest.contracts != contracts():
        raise SnapshotError(f"{place.uri} is of other contracts: check out the code that took it, {manifest.commit}")
    if manifest.quality != rules_digest(settings):
        raise SnapshotError(f"{place.uri} is of other rules: set POLYGLOT_QUALITY_FILE to a copy of its {RULES}")
    ends = raw_ends(settings)
    if partitions(ends) != manifest.partitions:
        raise SnapshotError("the raw topics here do not have the partitions of the snapshot's; see: polyglot topics")
    if full := sorted({topic for (topic, _), end in ends.items() if end}):
        raise SnapshotError(f"this stack is not empty: {full[0]} has records")
    with FlinkRest(settings.flink.url) as rest:
        if live := rest.jobs(live=True):
            raise SnapshotError(f"{live[0].name} runs already; submit the jobs when the records are there")
