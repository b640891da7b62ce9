"""Checkpoints of collectors: how far a source was acknowledged, so that one that was killed resumes there.

The file is only a hint that saves work: without it everything is sent again with the same ``source_seq`` and the
pipeline drops the copies. It must therefore never claim too much. It counts for one Kafka cluster, and only while the
last acknowledged record is still there: after a wiped stack or a recreated topic the source is fed from its
beginning.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checkpoint:
    """Every frame up to ``seq`` was acknowledged; ``topic``, ``partition`` and ``offset`` locate one of the last."""

    venue: str
    source_id: str
    cluster_id: str
    seq: int
    topic: str
    partition: int
    offset: int


class CheckpointFile:
    """The checkpoint of one source, fed as one venue's, in a folder."""

    def __init__(self, folder: Path, venue: str, source_id: str) -> None:
        self._path = folder / f"{venue}_{re.sub(r'[^0-9A-Za-z._-]', '_', source_id)}.json"

    def load(self) -> Checkpoint | None:
        """Return what was saved; None when nothing was, or not by this version."""
        try:
            return Checkpoint(**json.loads(self._path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the file atomically; it is on disk when this returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        with draft.open("w") as file:
            json.dump(asdict(checkpoint), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
