"""Frames of real drivers, cut anywhere, spoiled anywhere, and frames that promise more than they may."""

from __future__ import annotations

import struct
import subprocess
import sys

import lz4.block
import pytest
from backports import zstd
from clickhouse_cityhash.cityhash import CityHash128
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.compression import PIECE, CodecError
from devstack.gateway.native_frames import FRAME_LIMIT, FrameDecoder, FrameEncoder

TEXT = b"ingest,flink,spark\n" * 20

#: What ch-go 0.75.0 (clickhouse-go's compressor) writes for TEXT, by its names of the methods.
GOLDEN = {
    "none": bytes.fromhex("2ffef0eede2b5bca63e2dd9a78ee57ca02850100007c010000") + TEXT,
    "lz4": bytes.fromhex(
        "3f13a301c9dfcaec00904412dc8885a182340000007c010000ff04696e676573742c666c696e6b2c737061726b0a"
        "1300ff43005601016901b06c696e6b2c737061726b0a"
    ),
    "lz4hc": bytes.fromhex(
        "f7f9881aeb7883d519761b31fb8184b1822c0000007c010000ff05696e676573742c666c696e6b2c737061726b0a"
        "691300ff4e806b2c737061726b0a"
    ),
    "zstd": bytes.fromhex(
        "d6e13ea1e62ad2ceca7c00a4918165f890340000007c01000028b52ffd44007c00e500003401696e676573742c66"
        "6c696e6b2c737061726b0a015411042ccd2cca5a018c"
    ),
}


def frame(method: int, data: bytes, size: int, compressed: int | None = None) -> bytes:
    """Return a frame with a right checksum, whatever it declares."""
    body = struct.pack("<BII", method, 9 + len(data) if compressed is None else compressed, size) + data
    halves = CityHash128(body)
    return struct.pack("<QQ", halves >> 64, halves & (1 << 64) - 1) + body


def decode(body: bytes, step: int = 1_000) -> bytes:
    decoder = FrameDecoder()
    parts = [piece for i in range(0, len(body), step) for piece in decoder.feed(body[i : i + step])]
    decoder.finish()
    assert all(0 < len(part) <= PIECE for part in parts)
    return b"".join(parts)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_frames_of_the_go_driver_are_read(name: str, step: int) -> None:
    assert decode(GOLDEN[name] * 3, step) == TEXT * 3


@given(chunks=st.lists(st.binary(max_size=5_000), max_size=6), step=st.integers(1, 4_000))
def test_encoder_and_decoder_agree(chunks: list[bytes], step: int) -> None:
    encoder = FrameEncoder()
    frames = [encoder.feed(chunk) for chunk in chunks]
    assert [decode(frame) for frame in frames] == chunks
    assert decode(b"".join([*frames, encoder.finish()]), step) == b"".join(chunks)


def test_a_large_chunk_becomes_frames_of_a_piece() -> None:
    data = b"".join(b"%d," % i for i in range(400_000))
    body = FrameEncoder().feed(data)
    assert struct.unpack_from("<I", body, 21) == (PIECE,)
    assert decode(body, 65_536) == data


@pytest.mark.parametrize("method", [0x82, 0x90])
def test_a_frame_may_have_many_pieces(method: int) -> None:
    data = b"".join(b"%d," % i for i in range(400_000))
    packed = lz4.block.compress(data, store_size=False) if method == 0x82 else zstd.compress(data)
    assert decode(frame(method, packed, len(data)), 100_000) == data


@pytest.mark.parametrize("method", [0x02, 0x82, 0x90])
def test_an_empty_frame_is_empty(method: int) -> None:
    packed = {0x02: b"", 0x82: lz4.block.compress(b"", store_size=False), 0x90: zstd.compress(b"")}[method]
    assert decode(frame(method, packed, 0) + GOLDEN["lz4"]) == TEXT


@pytest.mark.parametrize("name", GOLDEN)
def test_a_truncated_frame_is_an_error(name: str) -> None:
    for end in range(1, len(GOLDEN[name])):
        with pytest.raises(CodecError, match="truncated"):
            decode(GOLDEN[name] + GOLDEN[name][:end])


@pytest.mark.parametrize("name", GOLDEN)
def test_every_spoiled_bit_is_an_error(name: str) -> None:
    for at in range(len(GOLDEN[name])):
        spoiled = bytearray(GOLDEN[name])
        spoiled[at] ^= 1 << at % 8
        with pytest.raises(CodecError):
            decode(bytes(spoiled))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (frame(0x91, b"x", 1), "unknown compression method 0x91"),
        (frame(0x82, b"", 10, compressed=8), "a frame of 8 bytes"),
        (frame(0x82, b"", 10, compressed=FRAME_LIMIT + 1), "are allowed"),
        (frame(0x90, b"", FRAME_LIMIT + 1, compressed=100), "are allowed"),
        (frame(0x02, b"abc", 4), "declares 4 bytes"),
        (frame(0x82, b"\x10a", 2), "declares 2 bytes and has 1"),
        (frame(0x82, lz4.block.compress(TEXT, store_size=False), len(TEXT) - 1), "not valid LZ4"),
        (frame(0x82, b"", 1), "not valid LZ4"),
        (frame(0x90, zstd.compress(TEXT), len(TEXT) + 1), "has 380"),
        (frame(0x90, zstd.compress(TEXT), len(TEXT) - 1), "has more"),
        (frame(0x90, zstd.compress(TEXT)[:-1], len(TEXT)), "truncated"),
        (frame(0x90, b"abcdefgh", 8), "not valid zstd"),
        (bytes(16) + GOLDEN["lz4"][16:], "checksum"),
    ],
)
def test_a_frame_that_cannot_be_right_is_an_error(body: bytes, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        decode(body)


def test_a_header_is_judged_before_its_data_come() -> None:
    header = frame(0x82, b"", FRAME_LIMIT + 1, compressed=100)[:25]
    with pytest.raises(CodecError, match="are allowed"):
        list(FrameDecoder().feed(header))


#: Decompresses five frames of 64 MiB each; lz4 holds a block twice, and the address space may grow by little more.
BOMB = """
import os, resource, struct, sys
import lz4.block
from backports import zstd
from clickhouse_cityhash.cityhash import CityHash128
from devstack.gateway.native_frames import FRAME_LIMIT, FrameDecoder

method = int(sys.argv[1])
compress = zstd.compress if method == 0x90 else lambda data: lz4.block.compress(data, store_size=False)
data = compress(bytes(FRAME_LIMIT))
body = struct.pack("<BII", method, 9 + len(data), FRAME_LIMIT) + data
halves = CityHash128(body)
frame = struct.pack("<QQ", halves >> 64, halves & (1 << 64) - 1) + body
mapped = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (mapped + (144 << 20), resource.RLIM_INFINITY))
decoder = FrameDecoder()
total = sum(len(piece) for piece in decoder.feed(frame * 5))
decoder.finish()
assert total == 5 * FRAME_LIMIT, total
"""


@pytest.mark.parametrize("method", [0x82, 0x90])
def test_a_bomb_takes_no_more_memory_than_a_frame(method: int) -> None:
    command = [sys.executable, "-c", BOMB, str(method)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
