"""Whether a job can go on from a savepoint of another version of itself, and what becomes of each operator's state.

Flink finds state again by uid alone. It takes the state of one operator for that of another if they exchange their
uids; it drops what has no operator any more if it is told to; and it begins empty where there is nothing. So this is
decided before anything is stopped.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from savepoints.manifest import Manifest
from savepoints.saved import Saved


@dataclass(frozen=True, slots=True)
class Change:
    """What an upgrade does with the state of a job.

    ``added`` begin without state. ``dropped`` had state and have no successor. ``migrated``: uid, version before,
    after. ``refused`` says, in sentences, why the job cannot go on from there; empty: it can.
    """

    job: str
    added: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    migrated: list[tuple[str, int, int]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether the state is what it was."""
        return not (self.added or self.dropped or self.migrated or self.refused)


def compare(before: Manifest, after: Manifest, drop: Collection[str] = ()) -> Change:
    """Return what becomes of a job's state.

    Args:
        before: the job that wrote the savepoint.
        after: the job that is to restore it.
        drop: uids of operators whose state may be lost.
    """
    change = Change(after.job)
    for uid, old in before.operators.items():
        new = after.operators.get(uid)
        if new is None:
            change.dropped.append(uid)
            if uid not in drop:
                change.refused.append(
                    f"operator {uid!r} ({old.kind}) has state, and the new version has no operator of that uid"
                )
        elif new.kind != old.kind:
            change.refused.append(f"{uid!r} was the uid of {old.kind!r} and is that of {new.kind!r} now")
        elif old.states and new.states and old.states[-1] not in new.states:
            change.refused.append(
                f"operator {uid!r} has written state of version {old.states[-1]}, the new version restores "
                f"{', '.join(map(str, new.states))}: it lacks a migration"
            )
        elif old.states[-1:] != new.states[-1:]:
            change.migrated.append((uid, old.states[-1] if old.states else 0, new.states[-1] if new.states else 0))
    change.added.extend(uid for uid in after.operators if uid not in before.operators)
    return change


def faults(saved: Saved, manifest: Manifest, drop: Collection[str] = ()) -> list[str]:
    """Return what is wrong with a savepoint that a job is to be restored from, in sentences; empty: nothing.

    Args:
        saved: what Flink's metadata say.
        manifest: of the job that is to be restored.
        drop: uids of operators whose state may be lost.
    """
    found = [f"{len(saved.missing)} of its files are missing or cut, such as {one}" for one in saved.missing[:1]]
    strangers = [
        uid for uid, size in saved.bytes.items() if size and uid not in drop and not _known(uid, manifest.operators)
    ]
    found += [f"it has state of {uid!r}, which is no operator of {manifest.job}" for uid in strangers]
    if saved.bytes and len(strangers) == len([uid for uid, size in saved.bytes.items() if size]):
        found.append("it has no state of any operator of this job: it is another job's")
    return found


def _known(uid: str, operators: Collection[str]) -> bool:
    # Inside of a sink Flink makes further operators of the sink's uid, and stores the hash of their names alone.
    return uid in operators or _is_hash(uid)


def _is_hash(uid: str) -> bool:
    return len(uid) == 32 and not set(uid) - set("0123456789abcdef")
