"""Whether the writer of an unfinished instant may still live: Hudi lets nobody finish its work before that is known."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pyarrow import fs

#: Hudi takes a writer for dead when its heartbeat has missed two intervals of a minute.
DEAD_AFTER = timedelta(seconds=120)
#: A living writer has touched its heartbeat by then.
_PATIENCE_S = 240


class WriterAliveError(RuntimeError):
    """Somebody else, maybe on another machine, is at work on what was taken for unfinished."""


def wait_until_dead(files: fs.FileSystem, path: str, instants: Iterable[str], patience_s: float = _PATIENCE_S) -> None:
    """Return when the heartbeats of some instants are so old that Hudi takes their writers for dead.

    Args:
        files: where the table is.
        path: the table's folder there.
        instants: which.
        patience_s: how long to wait, in seconds.

    Raises:
        WriterAliveError: a heartbeat still goes on.
    """
    paths = [f"{path}/.hoodie/.heartbeat/{instant}" for instant in instants]
    deadline = time.monotonic() + patience_s
    while beating := [one.base_name for one in files.get_file_info(paths) if _beats(one)]:
        if time.monotonic() > deadline:
            raise WriterAliveError(f"{path}: another process works on {', '.join(beating)}")
        time.sleep(1)  # files tell nobody that they are old; heartbeats come by the minute


def _beats(heartbeat: fs.FileInfo) -> bool:
    return bool(heartbeat.type == fs.FileType.File and datetime.now(UTC) - heartbeat.mtime <= DEAD_AFTER)
