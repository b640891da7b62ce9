"""Compression of HTTP bodies, both ways, as streams.

A body may be several compressed frames in a row: clickhouse-connect sends one lz4 frame per block. A decoder that
stops after the first frame loses rows without an error, so every decoder here goes on until the input ends, and an
input that ends inside a frame is an error. (Brotli has no frames: one stream is the whole body.)

30 kB can decompress to 1 GB. Every library is called with a bound on its output, and goes on only when the consumer
asks for the next piece: what a body takes in memory does not depend on what it decompresses to.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]
from backports import zstd

#: Encodings in the server's order of preference: fast and small first.
ENCODINGS: Final = ("zstd", "lz4", "br", "gzip", "deflate")

#: Most bytes in one piece of decompressed data.
PIECE: Final = 1 << 20

#: Bytes given to a library at once. Libraries copy the input that an ended frame leaves over: this bounds the copies
#: that a body of many empty frames costs.
_SLICE: Final = 1 << 14

#: zstd allocates the window that a frame declares. 8 MiB is what RFC 9659 allows in HTTP.
_WINDOW_LOG: Final = 23

_ERRORS: Final = (zlib.error, zstd.ZstdError, brotli.error, RuntimeError)  # lz4 raises RuntimeError


class CodecError(ValueError):
    """The body is not what its headers say."""


class _Frame(Protocol):
    """A decoder of one frame: the interface that lz4 and zstd have."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool:
        """False if more output waits for a call with no input."""

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Zlib:
    """zlib as a _Frame: zlib leaves it to the caller to keep the input that it did not take."""

    def __init__(self, wbits: int) -> None:
        self._zip = zlib.decompressobj(wbits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zip.eof

    @property
    def unused_data(self) -> bytes:
        return self._zip.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        piece = self._zip.decompress(self._zip.unconsumed_tail + data, max_length)
        self.needs_input = not self._zip.unconsumed_tail and len(piece) < max_length
        return piece


class _Brotli:
    """Brotli as a _Frame. It never ends: what follows the stream is for Brotli to refuse."""

    eof = False
    unused_data = None

    def __init__(self) -> None:
        self._zip = brotli.Decompressor()
        self.needs_input = True

    @property
    def finished(self) -> bool:
        return bool(self._zip.is_finished())

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        limit = max_length // 2  # its buffer grows in steps, the last of which may double the limit
        piece: bytes = self._zip.process(data, output_buffer_limit=limit)
        self.needs_input = self._zip.can_accept_more_data() and len(piece) < limit
        return piece


class Decoder:
    """Decompresses a body of any number of frames, chunk by chunk."""

    def __init__(self, encoding: str) -> None:
        """Take a Content-Encoding; raise CodecError if it is unknown."""
        makers: dict[str, Callable[[], _Frame]] = {
            "zstd": lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}),
            "lz4": lz4.frame.LZ4FrameDecompressor,
            "br": _Brotli,
            "gzip": lambda: _Zlib(31),
            "deflate": lambda: _Zlib(15),
        }
        if encoding not in makers:
            raise CodecError(f"unknown Content-Encoding {encoding!r}; known are {', '.join(ENCODINGS)}")
        self._encoding = encoding
        self._make = makers[encoding]
        self._frame: _Frame | None = None
        self._waiting = False  # the frame has more output for the input it got

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what ``chunk`` decompresses to, in pieces of 1 to PIECE bytes, each made when it is asked for.

        Exhaust the iterator before the next call. Raise CodecError where the data are not valid.
        """
        for start in range(0, len(chunk), _SLICE):
            rest = chunk[start : start + _SLICE]
            while rest or self._waiting:
                piece, rest = self._step(rest)
                if piece:
                    yield piece

    def finish(self) -> None:
        """Raise CodecError if the body ended inside a frame."""
        if self._frame is not None and not (isinstance(self._frame, _Brotli) and self._frame.finished):
            raise CodecError(f"the {self._encoding} body is truncated")

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the next piece, may be empty, and the input that is left for the next frame."""
        frame = self._frame or self._make()
        try:
            piece = frame.decompress(data, PIECE)
        except _ERRORS as error:
            raise CodecError(f"the body is not valid {self._encoding}: {error}") from error
        self._waiting = not frame.eof and not frame.needs_input
        self._frame = None if frame.eof else frame
        return piece, (frame.unused_data or b"") if frame.eof else b""


class Encoder:
    """Compresses a response chunk by chunk; every chunk can be decoded when it arrives."""

    def __init__(self, encoding: str) -> None:
        """Take one of ENCODINGS."""
        self._head = b""
        self._compress: Callable[[bytes], bytes]
        self._flush: Callable[[], bytes] = bytes
        self._finish: Callable[[], bytes]
        if encoding == "zstd":
            frame = zstd.ZstdCompressor(level=1)
            self._compress, self._finish = frame.compress, frame.flush
            self._flush = partial(frame.flush, frame.FLUSH_BLOCK)
        elif encoding == "lz4":
            blocks = lz4.frame.LZ4FrameCompressor(auto_flush=True)
            self._head = bytes(blocks.begin())
            self._compress, self._finish = blocks.compress, blocks.flush
        elif encoding == "br":
            stream = brotli.Compressor(quality=1)
            self._compress, self._flush, self._finish = stream.process, stream.flush, stream.finish
        else:
            member = zlib.compressobj(level=1, wbits=31 if encoding == "gzip" else 15)
            self._compress, self._finish = member.compress, member.flush
            self._flush = partial(member.flush, zlib.Z_SYNC_FLUSH)

    def feed(self, chunk: bytes) -> bytes:
        """Return compressed bytes that decode to all of ``chunk``; nothing for nothing."""
        return self._begin() + self._compress(chunk) + self._flush() if chunk else b""

    def finish(self) -> bytes:
        """Return the last bytes of the body."""
        return self._begin() + self._finish()

    def _begin(self) -> bytes:
        head, self._head = self._head, b""
        return head


def choose(accept_encoding: str) -> str | None:
    """Return the best of ENCODINGS that an Accept-Encoding header allows, or None for identity.

    The server's preference decides, not the client's order or quality, except that ``q=0`` excludes. ``*`` stands for
    all that are not named.
    """
    allowed: dict[str, bool] = {}
    for part in accept_encoding.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        allowed[name] = not any(_is_zero(parameter) for parameter in parameters)
    rest = allowed.get("*", False)
    return next((name for name in ENCODINGS if allowed.get(name, rest)), None)


def _is_zero(parameter: str) -> bool:
    """Tell whether a parameter of Accept-Encoding is a quality of 0, as in ``q=0.000``."""
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and set(value.strip()) <= set("0.") and "0" in value
