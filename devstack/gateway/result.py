"""The rows of a result, through a FIFO: the engine writes them, the server hands them on, nobody holds them whole."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

#: What one read takes at most, and what the pipe holds; bytes.
PIECE: Final = 256 * 1024


class Fifo:
    """The reading end."""

    def __init__(self, path: Path, reader: asyncio.StreamReader) -> None:
        """Take a FIFO that is open for reading."""
        self.path = path
        self._reader = reader

    async def read(self) -> bytes:
        """Return the next bytes; nothing at the end."""
        return await self._reader.read(PIECE)

    def knock(self) -> None:
        """Make the end come, where no writer has opened the FIFO; nothing that was written is lost."""
        with suppress(OSError):
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))


@asynccontextmanager
async def fifo(folder: Path) -> AsyncIterator[Fifo]:
    """Yield a new FIFO below ``folder``; it is gone afterwards, and its writer gets EPIPE."""
    path = folder / secrets.token_hex(12)
    os.mkfifo(path, 0o600)
    transport: asyncio.ReadTransport | None = None
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
        try:
            fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, PIECE)
        except OSError as error:
            if error.errno != errno.EPERM:  # the user's share of pipes is used up: the size stays as it was
                raise
        reader = asyncio.StreamReader(limit=PIECE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), file
        )
        yield Fifo(path, reader)
    finally:
        if transport is not None:
            transport.close()
        path.unlink(missing_ok=True)
