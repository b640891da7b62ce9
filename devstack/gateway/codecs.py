"""Compression of HTTP bodies, both ways, as streams.

A body may be several compressed frames in a row: clickhouse-connect sends one lz4 frame per block. A decoder that
stops after the first frame loses rows without an error, so every decoder here goes on until the input ends, and an
input that ends inside a frame is an error.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final

import lz4.frame  # type: ignore[import-untyped]
import zstandard

#: Encodings in the server's order of preference: fast and small first.
ENCODINGS: Final = ("zstd", "lz4", "gzip", "deflate")


class CodecError(ValueError):
    """The body is not what its Content-Encoding says."""


class Decoder:
    """Decompresses a body of any number of frames, chunk by chunk."""

    def __init__(self, encoding: str) -> None:
        """Take a Content-Encoding; raise CodecError if it is unknown."""
        makers: dict[str, Callable[[], Any]] = {
            "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
            "lz4": lz4.frame.LZ4FrameDecompressor,
            "gzip": lambda: zlib.decompressobj(wbits=31),
            "deflate": lambda: zlib.decompressobj(wbits=15),
        }
        if encoding not in makers:
            raise CodecError(f"unknown Content-Encoding {encoding!r}; known are {', '.join(ENCODINGS)}")
        self._encoding = encoding
        self._make = makers[encoding]
        self._frame: Any = None

    def feed(self, chunk: bytes) -> bytes:
        """Return what ``chunk`` decompresses to; may be empty."""
        parts: list[bytes] = []
        try:
            while chunk:
                if self._frame is None:
                    self._frame = self._make()
                parts.append(self._frame.decompress(chunk))
                if not self._frame.eof:
                    break
                chunk = self._frame.unused_data or b""
                self._frame = None
        except (zlib.error, zstandard.ZstdError, RuntimeError) as error:
            raise CodecError(f"the body is not valid {self._encoding}: {error}") from error
        return b"".join(parts)

    def finish(self) -> None:
        """Raise CodecError if the body ended inside a frame."""
        if self._frame is not None:
            raise CodecError(f"the {self._encoding} body is truncated")


class Encoder:
    """Compresses a response chunk by chunk; every chunk can be decoded when it arrives."""

    def __init__(self, encoding: str) -> None:
        """Take one of ENCODINGS."""
        self._lz4: lz4.frame.LZ4FrameCompressor | None = None
        self._started = False
        if encoding == "lz4":
            self._lz4 = lz4.frame.LZ4FrameCompressor()
        elif encoding == "zstd":
            self._zip: Any = zstandard.ZstdCompressor(level=1).compressobj()
        else:
            self._zip = zlib.compressobj(level=1, wbits=31 if encoding == "gzip" else 15)

    def feed(self, chunk: bytes) -> bytes:
        """Return compressed bytes; may be empty."""
        if self._lz4 is not None:
            return self._begin() + bytes(self._lz4.compress(chunk))
        return bytes(self._zip.compress(chunk))

    def finish(self) -> bytes:
        """Return the last bytes of the frame."""
        if self._lz4 is not None:
            return self._begin() + bytes(self._lz4.flush())
        return bytes(self._zip.flush())

    def _begin(self) -> bytes:
        if self._started or self._lz4 is None:
            return b""
        self._started = True
        return bytes(self._lz4.begin())


def choose(accepted: str) -> str | None:
    """Return the best of ENCODINGS that an Accept-Encoding header allows, or None for identity."""
    allowed = set()
    for part in accepted.lower().split(","):
        name, _, quality = part.strip().partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0"):
            allowed.add(name.strip())
    return next((name for name in ENCODINGS if name in allowed), None)
