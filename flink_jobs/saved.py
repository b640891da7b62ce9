"""What is in a checkpoint or savepoint: its operators, and whether every file that it refers to is there.

Read by Flink's own code in the JVM of the client that is about to restore it. A job whose state has lost a file starts
all the same, and then fails again and again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from pyflink.java_gateway import get_gateway

#: Handles that wrap the handle of a file.
_WRAPPERS = frozenset({"KeyGroupsStateHandle", "KeyGroupsSavepointStateHandle", "OperatorStreamStateHandle"})
#: Under which name Flink's sources keep what they have still to read.
_SPLITS = "SourceReaderState"


def contents(path: str) -> dict[str, Any]:
    """Return what `savepoints.saved.Saved` reads.

    ``operators``: of each its ``uid`` (the hexadecimal id where Flink has stored none) and ``bytes``, and of a source
    ``offsets``: topic, partition and next offset of each. ``missing``: files that are not there, or not as long as they
    were.

    Raises:
        Py4JJavaError: there is no checkpoint at ``path``, or its metadata cannot be read.
    """
    jvm = get_gateway().jvm
    folder = jvm.org.apache.flink.core.fs.Path(path)
    file = jvm.org.apache.flink.core.fs.Path(folder, "_metadata")
    stream = jvm.java.io.DataInputStream(file.getFileSystem().open(file))
    try:
        loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
        metadata = jvm.org.apache.flink.runtime.checkpoint.Checkpoints.loadCheckpointMetadata(stream, loader, path)
    finally:
        stream.close()
    operators, missing = [], []
    for state in metadata.getOperatorStates().toArray():
        uid = state.getOperatorUid()
        operators.append({
            "uid": uid.get() if uid.isPresent() else state.getOperatorID().toHexString(),
            "bytes": state.getStateSize(),
            "offsets": [],
        })  # fmt: skip
        for subtask in state.getStates().toArray():
            cut = [name for name, size in _files(subtask) if _length(jvm, name) != size]
            missing += cut
            operators[-1]["offsets"] += [] if cut else [split(one) for one in _splits(jvm, subtask)]
    return {"operators": operators, "missing": sorted(set(missing))}


def _files(subtask: Any) -> Iterator[tuple[str, int]]:
    handles = (
        subtask.getManagedKeyedState(), subtask.getRawKeyedState(),
        subtask.getManagedOperatorState(), subtask.getRawOperatorState(),
    )  # fmt: skip
    for handle in (one for group in handles for one in group.toArray()):
        kind = handle.getClass().getSimpleName()
        inner = handle.getDelegateStateHandle() if kind in _WRAPPERS else handle
        if inner.getClass().getSimpleName().endswith("FileStateHandle"):
            yield inner.getFilePath().toString(), inner.getStateSize()


def _splits(jvm: Any, subtask: Any) -> Iterator[bytes]:
    """Yield what a source has still to read, as Flink has serialized it."""
    for handle in subtask.getManagedOperatorState().toArray():
        place = handle.getStateNameToPartitionOffsets().get(_SPLITS)
        if place is None:
            continue
        stream = handle.openInputStream()
        try:
            data = jvm.java.io.DataInputStream(stream)
            for offset in place.getOffsets():
                stream.seek(offset)
                yield bytes(data.readNBytes(data.readInt()))
        finally:
            stream.close()


def split(serialized: bytes) -> tuple[str, int, int]:
    """Return topic, partition and next offset of a split of Flink's Kafka source; below 0: from the beginning.

    Raises:
        ValueError: it is of a version that is not known here.
    """
    version, _, size = struct.unpack_from(">iiH", serialized)
    if version:
        raise ValueError(f"a split of a Kafka source has version {version}, expected 0")
    partition, offset = struct.unpack_from(">iq", serialized, 10 + size)
    return serialized[10 : 10 + size].decode(), partition, offset


def _length(jvm: Any, name: str) -> int:
    path = jvm.org.apache.flink.core.fs.Path(name)
    files = path.getFileSystem()
    return int(files.getFileStatus(path).getLen()) if files.exists(path) else -1
