"""What an upgrade would change, found out before anything is stopped."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

from operations.releases import Release
from operations.runs import Runs
from savepoints.compatibility import Change, compare
from savepoints.manifest import Manifest

#: Files of a release by what they are for a reader of the plan.
_GROUPS = (
    ("contracts", "schemas/*.avsc"),
    ("contracts", "schemas/ids.lock"),
    ("rules", "quality.toml"),
    ("kernels", "udfs/**/*.py"),
    ("jobs", "flink_jobs/**/*.py"),
    ("settings", "runtime/**/*.py"),
    ("settings", "schemas/*.py"),
    ("settings", "schemas/domains.toml"),
)


@dataclass(frozen=True)
class Plan:
    """What is between what runs and what is to run.

    ``files``: those that differ, by group. ``widths``: by job, the parallelism before and after. ``changes``: of each
    job's state.
    """

    before: Release | None
    after: Release
    files: Mapping[str, list[str]]
    widths: Mapping[str, tuple[int, int]]
    changes: Mapping[str, Change]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        same = self.before is not None and self.before.id == self.after.id
        return same and all(old == new for old, new in self.widths.values())

    @property
    def refused(self) -> list[str]:
        """Return why a job cannot go on from its own state."""
        return [f"{name}: {text}" for name, change in self.changes.items() for text in change.refused]


def plan(
    before: Release | None,
    after: Release,
    runs: Mapping[str, Runs],
    manifests: Mapping[str, Manifest],
    widths: Mapping[str, tuple[int, int]],
    drop: Collection[str] = (),
) -> Plan:
    """Return what would change.

    Args:
        before: the release that runs, if it is known.
        after: the one that is to run.
        runs: what is remembered of each job.
        manifests: of the jobs as ``after`` builds them.
        widths: by job, parallelism before and after.
        drop: uids of operators whose state may be lost.
    """
    changes = {
        name: compare(Manifest.of(one.manifest), manifests[name], drop) for name, one in runs.items() if one.manifest
    }
    return Plan(before, after, differences(before, after), widths, changes)


def differences(before: Release | None, after: Release) -> dict[str, list[str]]:
    """Return the files that differ between two releases, by group."""
    found: dict[str, list[str]] = {}
    for group, pattern in _GROUPS:
        names = _names(after.folder, pattern) | (_names(before.folder, pattern) if before else set())
        changed = [
            name for name in sorted(names) if before is None or not _same(before.folder / name, after.folder / name)
        ]
        if changed:
            found.setdefault(group, []).extend(changed)
    return found


def _names(folder: Path, pattern: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.glob(pattern)}


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and cmp(one, other, shallow=False)


def lines(plan: Plan) -> Sequence[Sequence[str]]:
    """Return the plan as rows of a table: what, before, after."""
    rows = [["release", _told(plan.before), _told(plan.after)]]
    rows += [[group, "", ", ".join(names)] for group, names in plan.files.items() if plan.before]
    rows += [[f"{name}: parallelism", str(old), str(new)] for name, (old, new) in plan.widths.items() if old != new]
    for name, change in plan.changes.items():
        rows += [[f"{name}: state of {uid!r}", "-", "begins empty"] for uid in change.added]
        rows += [[f"{name}: state of {uid!r}", "there", "DROPPED"] for uid in change.dropped]
        rows += [[f"{name}: state of {uid!r}", f"version {old}", f"version {new}"] for uid, old, new in change.migrated]
        rows += [[f"{name}: state", "", f"REFUSED: {text}"] for text in change.refused]
        if change.same:
            rows.append([f"{name}: state", "same", "same"])
    return rows


def _told(release: Release | None) -> str:
    return f"{release.id} ({release.version}, commit {release.commit})" if release else "unknown"
