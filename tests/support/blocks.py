"""The JVM's side of a block and of a reply (``connectors/blocks``), in plain Python."""

from __future__ import annotations

import struct
from collections.abc import Sequence

#: Watermark in ms before there is one.
NO_WATERMARK = -(1 << 63)

Record = tuple[str, int, int, bytes]  # topic, offset, record time in ms, value
Row = tuple[str, int | None, bytes, bytes]  # topic, record time in ms, key, value


def block(partition: int, records: Sequence[Record], watermark: int = NO_WATERMARK) -> bytes:
    """Pack records of a partition number, and a watermark in ms; no records are the marker before a checkpoint."""
    n = len(records)
    head = struct.pack("<iiq", partition, n, watermark)
    if not n:
        return head
    names = list(dict.fromkeys(topic for topic, *_ in records))
    return b"".join(
        [
            head,
            struct.pack(f"<{n}q", *(offset for _, offset, _, _ in records)),
            struct.pack(f"<{n}q", *(time for _, _, time, _ in records)),
            struct.pack(f"<{n}i", *(len(value) for *_, value in records)),
            struct.pack(f"<{n}i", *(names.index(topic) for topic, *_ in records)),
            struct.pack("<i", len(names)),
            *(struct.pack("<i", len(name.encode())) + name.encode() for name in names),
            *(value for *_, value in records),
        ]
    )


def rows(reply: bytes) -> list[Row]:
    """Unpack a reply; a time of the client's is None."""
    found: list[Row] = []
    at = 0

    def take(form: str) -> tuple:
        nonlocal at
        at += struct.calcsize(form)
        return struct.unpack_from(form, reply, at - struct.calcsize(form))

    for _ in range(take("<i")[0]):
        topic = take(f"<{take('<i')[0]}s")[0].decode()
        (n,) = take("<i")
        times, key_sizes, value_sizes = take(f"<{n}q"), take(f"<{n}i"), take(f"<{n}i")
        keys = [take(f"<{size}s")[0] for size in key_sizes]
        values = [take(f"<{size}s")[0] for size in value_sizes]
        stamps = [None if time == -(1 << 63) else time for time in times]
        found += zip([topic] * n, stamps, keys, values, strict=True)
    assert at == len(reply), "bytes behind the reply"
    return found
