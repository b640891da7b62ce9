"""Capture files: one WebSocket frame a line, behind the time it was received.

Two forms, recognized line by line, plain or gzip (by its magic bytes, not by the name):

- ``<nanoseconds> <frame>``, an integer and one blank;
- ``<seconds>: <frame>``, with any number of decimals, a colon and one optional blank.

Times become whole µs by cutting digits, never through a float. Everything behind the time, up to the newline, is the
frame, byte for byte. A line without a time in 2009…2100 is a frame as a whole and takes the receive time of the line
before it (at the start of a file: of the first line that has one), so nothing is lost and the same file always gives
the same records.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from collectors.block import MAX_BLOCK_BYTES, Block, assigned
from runtime.console import CommandError, Exit
from udfs.values.times import plausible

BLOCK_LINES = 2000
_HEAD_BYTES = 64 * 1024
_SECONDS = re.compile(rb"(\d{9,10})(?:\.(\d*))?: ?")


def split_line(line: bytes) -> tuple[int | None, bytes]:
    """Return a line's receive time in µs UTC (None: it has none) and its frame. The line has no newline any more."""
    head, blank, frame = line.partition(b" ")
    if blank and len(head) == 19 and head.isdigit():  # 2009…2100 in ns has 19 digits
        time = int(head) // 1000
        return (time, frame) if plausible(time) else (None, line)
    match = _SECONDS.match(line)
    if match:
        micros = (match[2] or b"")[:6].ljust(6, b"0")
        time = int(match[1]) * 1_000_000 + int(micros)
        if plausible(time):
            return time, line[match.end() :]
    return None, line


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as probe:
        zipped = probe.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(path)) if zipped else path.open("rb", buffering=1 << 20)


class Capture:
    """One file as a source: ``seq`` is the line number, from 1."""

    def __init__(self, venue: str, path: Path) -> None:
        if not path.is_file():
            raise CommandError(f"no such capture file: {path}", code=Exit.USAGE)
        self.venue = venue
        self.path = path
        self.source_id = f"capture:{_fingerprint(path)}"

    def blocks(self, after_seq: int) -> Iterator[Block]:
        """Yield the lines behind ``after_seq``.

        Raises:
            CommandError: no line has a receive time, or the gzip stream ends early (after all lines before that).
        """
        times: list[int] = []
        frames: list[bytes] = []
        size, number, first = 0, 0, after_seq + 1
        last = self._first_time()
        with _open(self.path) as lines:
            broken: Exception | None = None
            while True:
                try:
                    line = lines.readline()
                except (EOFError, gzip.BadGzipFile, OSError) as error:
                    broken, line = error, b""
                if not line:
                    break
                number += 1
                time, frame = split_line(line.removesuffix(b"\n"))
                last = time or last
                if number <= after_seq:
                    continue
                times.append(last)
                frames.append(frame)
                size += len(frame)
                if len(frames) >= BLOCK_LINES or size >= MAX_BLOCK_BYTES:
                    yield assigned(self.venue, first, times, frames)
                    first, times, frames, size = number + 1, [], [], 0
        if frames:
            yield assigned(self.venue, first, times, frames)
        if broken:
            raise CommandError(
                f"{self.path.name} is damaged after line {number}: {broken}",
                hint="Every line before that was fed.",
            )

    def _first_time(self) -> int:
        with _open(self.path) as lines:
            try:
                found = next((t for line in lines if (t := split_line(line)[0]) is not None), None)
            except (EOFError, gzip.BadGzipFile, OSError):
                found = None
        if found is None:
            raise CommandError(
                f"{self.path.name}: no line begins with a receive time",
                hint="Expected lines of `<receive ns> <JSON>` or `<receive seconds>: <JSON>`, plain or gzip.",
                code=Exit.USAGE,
            )
        return found


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return hashlib.sha256(head + path.stat().st_size.to_bytes(8, "big")).hexdigest()[:16]
