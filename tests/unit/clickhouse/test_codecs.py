"""Bodies in several frames, cut anywhere, cut short."""

from __future__ import annotations

import gzip
import zlib

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from polyglot.clickhouse.codecs import ENCODINGS, CodecError, Decoder, Encoder, choose

COMPRESS = {
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


def decode(encoding: str, body: bytes, step: int) -> bytes:
    decoder = Decoder(encoding)
    parts = [decoder.feed(body[i : i + step]) for i in range(0, len(body), step)]
    decoder.finish()
    return b"".join(parts)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(frames=st.lists(st.binary(max_size=3_000), max_size=6), step=st.integers(1, 4_000))
def test_every_frame_is_read_wherever_chunks_are_cut(encoding: str, frames: list[bytes], step: int) -> None:
    body = b"".join(COMPRESS[encoding](frame) for frame in frames)
    assert decode(encoding, body, step) == b"".join(frames)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_row_is_lost_in_many_frames(encoding: str) -> None:
    blocks = [b"%d\n" % i * 1_000 for i in range(200)]
    body = b"".join(COMPRESS[encoding](block) for block in blocks)
    assert decode(encoding, body, 65_536).count(b"\n") == 200_000


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_truncated_body_is_an_error(encoding: str) -> None:
    frame = COMPRESS[encoding](bytes(range(256)) * 100)
    decoder = Decoder(encoding)
    decoder.feed(frame + frame[: len(frame) // 2])
    with pytest.raises(CodecError, match="truncated"):
        decoder.finish()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_garbage_is_an_error(encoding: str) -> None:
    with pytest.raises(CodecError, match=f"not valid {encoding}"):
        Decoder(encoding).feed(b"this is no compressed body at all")


def test_an_unknown_encoding_is_an_error() -> None:
    with pytest.raises(CodecError, match="known are"):
        Decoder("br")


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(chunks=st.lists(st.binary(max_size=5_000), max_size=6))
def test_encoder_and_decoder_agree(encoding: str, chunks: list[bytes]) -> None:
    encoder = Encoder(encoding)
    body = b"".join([*(encoder.feed(chunk) for chunk in chunks), encoder.finish()])
    assert decode(encoding, body, 100) == b"".join(chunks)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("lz4,zstd,gzip,deflate", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("LZ4", "lz4"),
        ("zstd;q=0, gzip;q=0.5", "gzip"),
        ("br", None),
        ("", None),
    ],
)
def test_choice_of_encoding(accepted: str, chosen: str | None) -> None:
    assert choose(accepted) == chosen
