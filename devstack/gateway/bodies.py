"""A request's body without its compression, within a bound on what it becomes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from devstack.gateway.compression import Decoder
from devstack.gateway.errors import LIMIT_EXCEEDED, ClickHouseError
from devstack.gateway.native_frames import FrameDecoder


async def decoded(raw: AsyncIterator[bytes], encoding: str, frames: bool, most: int) -> AsyncIterator[bytes]:
    """Yield the body in pieces of at most a megabyte.

    ``encoding``: the Content-Encoding. ``frames``: it is in ClickHouse's own compressed frames, inside that.

    Raises:
        CodecError: it is not what it says.
        ClickHouseError: it becomes more than ``most`` bytes (290).
    """
    size = 0
    stages: list[Decoder | FrameDecoder] = []
    if encoding not in ("", "identity"):
        stages.append(Decoder(encoding))
    if frames:
        stages.append(FrameDecoder())
    pieces = raw
    for stage in stages:
        pieces = _through(stage, pieces)
    async for piece in pieces:
        size += len(piece)
        if size > most:
            raise ClickHouseError(LIMIT_EXCEEDED, f"The body is longer than {most} bytes when decompressed")
        yield piece


async def _through(stage: Decoder | FrameDecoder, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        for part in stage.feed(piece):
            yield part
    stage.finish()
