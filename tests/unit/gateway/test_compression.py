"""Bodies in several frames, cut anywhere, cut short, and bodies that are small only while they are compressed."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from functools import partial

import brotli
import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.compression import ENCODINGS, PIECE, CodecError, Decoder, Encoder, choose

COMPRESS = {
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=5),
}
#: Brotli has no frames: a body is one stream.
FRAMED = [encoding for encoding in ENCODINGS if encoding != "br"]


def decode(encoding: str, body: bytes, step: int) -> bytes:
    decoder = Decoder(encoding)
    parts = [piece for i in range(0, len(body), step) for piece in decoder.feed(body[i : i + step])]
    decoder.finish()
    assert all(0 < len(part) <= PIECE for part in parts)
    return b"".join(parts)


@pytest.mark.parametrize("encoding", FRAMED)
@given(frames=st.lists(st.binary(max_size=3_000), max_size=6), step=st.integers(1, 4_000))
def test_every_frame_is_read_wherever_chunks_are_cut(encoding: str, frames: list[bytes], step: int) -> None:
    body = b"".join(COMPRESS[encoding](frame) for frame in frames)
    assert decode(encoding, body, step) == b"".join(frames)


@given(data=st.binary(max_size=3_000), step=st.integers(1, 4_000))
def test_brotli_is_read_wherever_chunks_are_cut(data: bytes, step: int) -> None:
    assert decode("br", brotli.compress(data), step) == data


@pytest.mark.parametrize("cut", [0, 1])
def test_nothing_may_follow_a_brotli_stream(cut: int) -> None:
    body = brotli.compress(b"one stream") + b"\x00"
    with pytest.raises(CodecError, match="not valid br"):
        decode("br", body, len(body) - cut)


@pytest.mark.parametrize("encoding", FRAMED)
def test_no_row_is_lost_in_many_frames(encoding: str) -> None:
    blocks = [b"%d\n" % i * 1_000 for i in range(200)]
    body = b"".join(COMPRESS[encoding](block) for block in blocks)
    assert decode(encoding, body, 65_536).count(b"\n") == 200_000


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_body_larger_than_a_piece_is_whole(encoding: str) -> None:
    data = b"".join(b"%d," % i for i in range(500_000))
    assert decode(encoding, COMPRESS[encoding](data), len(data)) == data


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_truncated_body_is_an_error(encoding: str) -> None:
    frame = COMPRESS[encoding](bytes(range(256)) * 100)
    whole = b"" if encoding == "br" else frame
    for end in range(1, len(frame)):
        with pytest.raises(CodecError, match="truncated"):
            decode(encoding, whole + frame[:end], 1_000)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_garbage_is_an_error(encoding: str) -> None:
    with pytest.raises(CodecError, match=f"not valid {encoding}"):
        decode(encoding, b"this is no compressed body at all", 100)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_empty_body_is_empty(encoding: str) -> None:
    assert decode(encoding, b"", 1) == b""


def test_an_unknown_encoding_is_an_error() -> None:
    with pytest.raises(CodecError, match="known are"):
        Decoder("snappy")


def test_a_zstd_window_above_that_of_http_is_an_error() -> None:
    options = {zstd.CompressionParameter.window_log: 24, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    frame = compressor.compress(b"x" * 100) + compressor.flush()
    with pytest.raises(CodecError, match="too much memory"):
        decode("zstd", frame, 1_000)


#: Decompresses 256 MiB, with a bound on how much the address space may grow, and prints the size of the largest piece.
BOMB = """
import os, resource, sys
from devstack.gateway.compression import Decoder, Encoder

encoding = sys.argv[1]
encoder = Encoder(encoding)
zeros = bytes(1 << 20)
body = b"".join([*(encoder.feed(zeros) for _ in range(256)), encoder.finish()])
mapped = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (mapped + (32 << 20), resource.RLIM_INFINITY))
decoder = Decoder(encoding)
total = largest = 0
for piece in decoder.feed(body):
    total += len(piece)
    largest = max(largest, len(piece))
decoder.finish()
assert total == 256 << 20, total
print(largest)
"""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_bomb_takes_no_more_memory_than_a_piece(encoding: str) -> None:
    command = [sys.executable, "-c", BOMB, encoding]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) <= PIECE


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_pieces_are_made_when_they_are_asked_for(encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(64 << 20))
    decoder = Decoder(encoding)
    assert len(next(decoder.feed(bomb))) <= PIECE
    with pytest.raises(CodecError, match="truncated"):
        decoder.finish()


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(chunks=st.lists(st.binary(max_size=5_000), max_size=6))
def test_encoder_and_decoder_agree_chunk_by_chunk(encoding: str, chunks: list[bytes]) -> None:
    encoder, decoder = Encoder(encoding), Decoder(encoding)
    for chunk in chunks:
        assert b"".join(decoder.feed(encoder.feed(chunk))) == chunk
    assert list(decoder.feed(encoder.finish())) == []
    decoder.finish()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_empty_answer_is_a_whole_body(encoding: str) -> None:
    body = Encoder(encoding).finish()
    assert body
    assert decode(encoding, body, 100) == b""


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("lz4,zstd,gzip,deflate", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("LZ4", "lz4"),
        ("zstd;q=0, gzip;q=0.5", "gzip"),
        ("zstd; q=0.000 ,br;q=1.0", "br"),
        ("gzip;q=0.01", "gzip"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("*, zstd;q=0", "lz4"),
        ("gzip, *;q=0", "gzip"),
        ("identity", None),
        ("snappy", None),
        (";;, ,q=0", None),
        ("", None),
    ],
)
def test_choice_of_encoding(accepted: str, chosen: str | None) -> None:
    assert choose(accepted) == chosen
