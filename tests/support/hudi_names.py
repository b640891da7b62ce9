"""A Hudi table of names: files of a size, and a timeline, as writers and services leave them; no contents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fastavro

_START = datetime(2026, 1, 5, 12, tzinfo=UTC)
_REPLACEMENT = fastavro.parse_schema(
    {
        "type": "record",
        "name": "HoodieReplaceCommitMetadata",
        "fields": [
            {
                "name": "partitionToReplaceFileIds",
                "type": ["null", {"type": "map", "values": {"type": "array", "items": "string"}}],
            }
        ],
    }
)


@dataclass
class Names:
    """Each call of its methods is a second later than the one before; they return the instant."""

    folder: Path
    seconds: int = 0

    def __post_init__(self) -> None:
        (self.folder / ".hoodie" / "timeline").mkdir(parents=True)
        (self.folder / ".hoodie" / "hoodie.properties").write_text("hoodie.table.version=9\n")

    @property
    def now(self) -> datetime:
        return _START + timedelta(seconds=self.seconds)

    def append(self, files: Iterable[tuple[str, str, int]], *, ended: bool = True) -> str:
        """New base files: partition, group, size."""
        return self._write("commit", ended, {}, bases=files)

    def log(self, files: Iterable[tuple[str, str, int]], *, ended: bool = True) -> str:
        """New log files, on top of what their groups have."""
        return self._write("deltacommit", ended, {}, logs=files)

    def compact(self, files: Iterable[tuple[str, str, int]], *, ended: bool = True) -> str:
        """A new base file for each of these groups."""
        return self._write("compaction", ended, {}, bases=files, done="commit")

    def cluster(
        self, replaced: Mapping[str, list[str]], files: Iterable[tuple[str, str, int]], *, ended: bool = True
    ) -> str:
        """New base files in place of the groups that were replaced, by partition."""
        return self._write("clustering", ended, replaced, bases=files, done="replacecommit")

    def clean(self, *, ended: bool = True) -> str:
        return self._write("clean", ended, {})

    def _write(self, action, ended, replaced, bases=(), logs=(), done=""):  # type: ignore[no-untyped-def]
        self.seconds += 1
        instant = self.now.strftime("%Y%m%d%H%M%S") + "000"
        for partition, group, size in bases:
            self._file(partition, f"{group}_0-21-33_{instant}.parquet", size)
        for partition, group, size in logs:
            self._file(partition, f".{group}_{instant}.log.1_0-0-0", size)
        timeline = self.folder / ".hoodie" / "timeline"
        for state in ("requested", "inflight"):
            short = action == "commit" and state == "inflight"
            (timeline / (f"{instant}.{state}" if short else f"{instant}.{action}.{state}")).touch()
        if ended:
            with (timeline / f"{instant}_{instant[:-1]}5.{done or action}").open("wb") as out:
                if done == "replacecommit":
                    fastavro.writer(out, _REPLACEMENT, [{"partitionToReplaceFileIds": dict(replaced)}])
        return instant

    def _file(self, partition: str, name: str, size: int) -> None:
        path = self.folder / partition / name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as out:
            out.truncate(size)
