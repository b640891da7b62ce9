"""ClickHouse's own framing of compressed data: answers to ``?compress=1``, bodies of ``?decompress=1``.

A stream is any number of frames, each of

====== ======================================================================================
bytes  content
====== ======================================================================================
16     CityHash128 (version 1.0.2) of all that follows: low half, then high half, little-endian
1      method: 0x82 one LZ4 block, 0x90 zstd, 0x02 as it is
4      size of the rest of the frame plus the 9 bytes from the method on, little-endian
4      size of the data, little-endian
…      the data, compressed
====== ======================================================================================

There is no end mark.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import lz4.block  # type: ignore[import-untyped]
from clickhouse_cityhash.cityhash import CityHash128  # type: ignore[import-untyped]

from devstack.gateway.compression import PIECE, CodecError, Decoder

#: Most bytes of one frame, compressed or not. Clients cut at 1 MiB; clickhouse-go sends a whole block in one frame.
FRAME_LIMIT: Final = 64 << 20

_NONE: Final = 0x02
_LZ4: Final = 0x82
_ZSTD: Final = 0x90

_CHECKSUM: Final = struct.Struct("<QQ")
_HEADER: Final = struct.Struct("<BII")
_PREFIX: Final = _CHECKSUM.size + _HEADER.size


class FrameDecoder:
    """Decompresses a stream of frames, chunk by chunk; holds at most one frame."""

    def __init__(self) -> None:
        self._frame = bytearray()
        self._size = _PREFIX  # what the frame, or its beginning, takes

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what ``chunk`` completes, in pieces of 1 to PIECE bytes, when they are asked for.

        Exhaust the iterator before the next call. Raise CodecError as soon as a frame cannot be right: a header is
        judged before anything is kept for its data, the checksum before anything is decompressed.
        """
        rest = memoryview(chunk)
        while rest:
            missing = self._size - len(self._frame)
            self._frame += rest[:missing]
            rest = rest[missing:]
            if len(self._frame) == _PREFIX:
                self._size = _frame_size(self._frame)
            if len(self._frame) == self._size:
                frame, self._frame, self._size = self._frame, bytearray(), _PREFIX
                yield from _data(frame)

    def finish(self) -> None:
        """Raise CodecError if the stream ended inside a frame."""
        if self._frame:
            raise CodecError("the compressed body is truncated")


class FrameEncoder:
    """Compresses a stream with LZ4, chunk by chunk; every chunk can be decoded when it arrives."""

    def feed(self, chunk: bytes) -> bytes:
        """Return ``chunk`` in frames of at most PIECE bytes of data each."""
        pieces = (chunk[start : start + PIECE] for start in range(0, len(chunk), PIECE))
        return b"".join(map(_lz4_frame, pieces))

    def finish(self) -> bytes:
        """Return the end of the stream: nothing, like ClickHouse."""
        return b""


def _lz4_frame(piece: bytes) -> bytes:
    data: bytes = lz4.block.compress(piece, store_size=False)
    body = _HEADER.pack(_LZ4, _HEADER.size + len(data), len(piece)) + data
    return _checksum(body) + body


def _checksum(body: bytes | memoryview) -> bytes:
    # The package puts the low half first, as if it were the high one.
    halves = CityHash128(body)
    return _CHECKSUM.pack(halves >> 64, halves & (1 << 64) - 1)


def _frame_size(prefix: bytearray) -> int:
    """Return the size of the frame that begins with ``prefix``."""
    method, compressed, size = _HEADER.unpack_from(prefix, _CHECKSUM.size)
    if method not in (_NONE, _LZ4, _ZSTD):
        raise CodecError(f"unknown compression method 0x{method:02x}; known are LZ4 (0x82), ZSTD (0x90), NONE (0x02)")
    if not _HEADER.size <= compressed <= FRAME_LIMIT or size > FRAME_LIMIT:
        raise CodecError(f"a frame of {compressed} bytes, {size} decompressed; at most {FRAME_LIMIT} are allowed")
    if method == _NONE and compressed != _HEADER.size + size:
        raise CodecError(f"an uncompressed frame of {compressed} bytes declares {size} bytes of data")
    return _CHECKSUM.size + int(compressed)


def _data(frame: bytearray) -> Iterator[bytes]:
    """Yield the data of a whole frame in pieces."""
    body = memoryview(frame)[_CHECKSUM.size :]
    if _checksum(body) != frame[: _CHECKSUM.size]:
        raise CodecError("the checksum of a compressed frame is wrong")
    method, _, size = _HEADER.unpack_from(body)
    data = body[_HEADER.size :]
    if method == _ZSTD:
        yield from _zstd(bytes(data), size)
        return
    whole = _lz4(data, size) if method == _LZ4 else data
    for start in range(0, size, PIECE):
        yield bytes(whole[start : start + PIECE])


def _lz4(data: memoryview, size: int) -> memoryview:
    try:
        whole = lz4.block.decompress(data, uncompressed_size=size)
    except lz4.block.LZ4BlockError as error:
        raise CodecError(f"a frame is not valid LZ4 of {size} bytes: {error}") from error
    if len(whole) != size:
        raise CodecError(f"a frame declares {size} bytes and has {len(whole)}")
    return memoryview(whole)


def _zstd(data: bytes, size: int) -> Iterator[bytes]:
    decoder = Decoder("zstd")
    length = 0
    for piece in decoder.feed(data):
        length += len(piece)
        if length > size:
            break
        yield piece
    else:
        decoder.finish()
    if length != size:
        raise CodecError(f"a frame declares {size} bytes and has {'more' if length > size else length}")
