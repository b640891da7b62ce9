"""What this machine remembers of the runs of each job: ids, savepoints, width.

A run is found by the ids that were submitted from here, so that another cluster's checkpoints are never used.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runtime.config import Settings
from runtime.files import replace
from runtime.layout import Layout
from runtime.object_store import open_place


@dataclass(frozen=True)
class Runs:
    """The runs of a job since it was last started afresh, oldest first, and the savepoints that they left.

    ``parallelism`` is what an operator has asked for; 0: what the settings say. ``release`` and ``manifest`` are those
    of the newest run.
    """

    job_ids: list[str] = field(default_factory=list)
    savepoints: list[str] = field(default_factory=list)
    parallelism: int = 0
    release: str = ""
    manifest: dict[str, Any] = field(default_factory=dict)


def known(settings: Settings, name: str) -> Runs:
    """Return what is remembered of a job."""
    record = _record(settings, name)
    return Runs(**json.loads(record.read_text())) if record.exists() else Runs()


def remember(settings: Settings, name: str, runs: Runs) -> None:
    """Remember this instead of what was."""
    record = _record(settings, name)
    record.parent.mkdir(parents=True, exist_ok=True)
    replace(record, json.dumps(asdict(runs)))


def latest_checkpoint(settings: Settings, name: str) -> str:
    """Return the newest complete checkpoint or savepoint of the job's runs, or an empty string.

    Savepoints count: a run that was resumed from one may die before its first checkpoint, and what lies before the
    savepoint is in the lake's tables already.
    """
    runs = known(settings, name)
    folders = [*(f"{settings.checkpoints_uri}/{job_id}" for job_id in runs.job_ids), *runs.savepoints]
    places = [open_place(settings, folder) for folder in folders]
    # Savepoints may lie on a disk while checkpoints are on S3, or the other way round.
    found = [(one, place.uri) for place in places for one in place.within(place.path) if one.base_name == "_metadata"]
    if not found:
        return ""
    newest, uri = max(found, key=lambda each: each[0].mtime_ns)
    path = newest.path.rpartition("/")[0]
    return path if uri.startswith("file:") else f"{uri.partition('://')[0]}://{path}"


def _record(settings: Settings, name: str) -> Path:
    return Layout.at(settings.var_dir).var / "jobs" / f"{name}.json"
