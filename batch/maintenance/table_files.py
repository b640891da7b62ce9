"""A Hudi table as its files: what readers see now, what is left of before, and what its timeline has begun and ended.

Read from the names of files alone, but for what clustering replaced: no engine is started for a look.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import fastavro
from pyarrow import fs

_BASE = re.compile(r"(?P<group>[^_/]+)_[\d-]+_(?P<instant>\d{17})\.parquet")
_LOG = re.compile(r"\.(?P<group>[^_/]+)_(?P<instant>\d{17})\.log\.\d+_[\d-]+")
_DONE = re.compile(r"(?P<began>\d{17})_(?P<ended>\d{17})\.(?P<action>[a-z]+)")
_BEGUN = re.compile(r"(?P<began>\d{17})\.(?P<action>[a-z]+\.)?(?:requested|inflight)")
#: Actions that write data, or say which files count no more.
_WRITES = frozenset({"commit", "deltacommit", "replacecommit"})
REPLACE = "replacecommit"


class LayoutError(RuntimeError):
    """A table's folder is not what a Hudi table looks like."""


class File(NamedTuple):
    """A data file: the group and partition it belongs to, the instant that wrote it, its size in bytes.

    ``replaced`` is the instant since which readers leave it alone; empty while they read it.
    """

    partition: str
    group: str
    instant: str
    size: int
    log: bool
    replaced: str = ""


@dataclass(frozen=True)
class Timeline:
    """Instants: ``done`` maps each that has ended to its action, ``pending`` each that has only begun."""

    done: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)

    def newest(self, action: str) -> str:
        """Return the newest instant of an action; empty if there is none."""
        return max((began for began, its in self.done.items() if its == action), default="")


@dataclass(frozen=True)
class Layout:
    """What a table has: ``current`` files are those that a reader of now opens, ``stale`` those that were replaced."""

    current: tuple[File, ...]
    stale: tuple[File, ...]
    timeline: Timeline

    @property
    def bases(self) -> list[File]:
        return [one for one in self.current if not one.log]

    def small(self, below: int) -> Counter[str]:
        """Return how many base files of each partition are smaller than so many bytes."""
        return Counter(one.partition for one in self.bases if one.size < below)

    def most_logs(self) -> int:
        """Return how many log files the file group with the most of them has."""
        counts = Counter((one.partition, one.group) for one in self.current if one.log)
        return max(counts.values(), default=0)


def read(files: fs.FileSystem, path: str) -> Layout | None:
    """Return a table's layout, or None if there is no table.

    Args:
        files: where it is.
        path: the table's folder there.

    Raises:
        LayoutError: something of it cannot be read.
    """
    if files.get_file_info(f"{path}/.hoodie/hoodie.properties").type != fs.FileType.File:
        return None
    try:
        timeline, replaced = _timeline(files, f"{path}/.hoodie/timeline")
        found = list(_data(files, path))
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise LayoutError(f"{path}: {error}") from error
    current, stale = _sorted_out(found, timeline, replaced)
    return Layout(tuple(current), tuple(stale), timeline)


def _timeline(files: fs.FileSystem, folder: str) -> tuple[Timeline, dict[tuple[str, str], str]]:
    """Return the active timeline, and by which instant of it a (partition, group) was replaced."""
    done: dict[str, str] = {}
    begun: dict[str, str] = {}
    replaced: dict[tuple[str, str], str] = {}
    for info in files.get_file_info(fs.FileSelector(folder)):
        if match := _DONE.fullmatch(info.base_name):
            done[match["began"]] = match["action"]
            if match["action"] == REPLACE:
                replaced |= dict.fromkeys(_replaced(files, info.path), match["began"])
        elif match := _BEGUN.fullmatch(info.base_name):
            begun[match["began"]] = (match["action"] or "commit").rstrip(".")
    return Timeline(done, {began: action for began, action in begun.items() if began not in done}), replaced


def _replaced(files: fs.FileSystem, path: str) -> set[tuple[str, str]]:
    with files.open_input_file(path) as stream:
        (commit,) = fastavro.reader(stream)
    by_partition = commit["partitionToReplaceFileIds"] or {}
    return {(partition, group) for partition, groups in by_partition.items() for group in groups}


def _data(files: fs.FileSystem, path: str) -> Iterator[File]:
    for info in files.get_file_info(fs.FileSelector(path, recursive=True)):
        inside = info.path[len(path) + 1 :]
        if info.type != fs.FileType.File or inside.startswith(".hoodie/"):
            continue
        partition = inside.rpartition("/")[0]
        for pattern, log in ((_BASE, False), (_LOG, True)):
            if match := pattern.fullmatch(info.base_name):
                yield File(partition, match["group"], match["instant"], info.size, log)


def _sorted_out(
    found: Iterable[File], timeline: Timeline, replaced: dict[tuple[str, str], str]
) -> tuple[list[File], list[File]]:
    """Tell what is read now from what is not; files of instants that have not ended are neither.

    An archived instant has ended: its name is gone, and so is what it would have replaced.
    """
    oldest = min([*timeline.done, *timeline.pending], default="")
    groups = defaultdict(list)
    for file in found:
        ended = timeline.done.get(file.instant) in _WRITES or file.instant < oldest
        if ended and file.instant not in timeline.pending:
            groups[file.partition, file.group].append(file)
    current: list[File] = []
    stale: list[File] = []
    for place, files in groups.items():
        base = max((file.instant for file in files if not file.log), default="")
        for file in files:
            # A log that began behind a base file is on top of it; one before it was compacted into it.
            under = file.instant < base or (file.log and file.instant == base)
            since = replaced.get(place) or (base if under else "")
            (stale if since else current).append(file._replace(replaced=since))
    return current, stale
