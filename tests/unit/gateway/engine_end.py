"""The engine's end of a request: what it says, and the rows that it writes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from devstack.gateway import wire
from devstack.gateway.reply import Reply

SUMMARY = {"read_rows": 3, "elapsed_ns": 5}


class Fifo:
    """Rows as the engine writes them; ``None`` waits until it is told to go on."""

    def __init__(self, folder, *parts):
        self.path = Path(folder) / "fifo"
        self._parts = list(parts)
        self.go_on = asyncio.Event()
        self.waits = asyncio.Event()

    async def read(self):
        if self._parts and self._parts[0] is None:
            self.waits.set()
            await self.go_on.wait()
            self._parts.pop(0)
        return self._parts.pop(0) if self._parts else b""


class Engine:
    """The engine's end of a reply."""

    def __init__(self, *frames):
        self.reader = asyncio.StreamReader()
        for frame in frames:
            self.reader.feed_data(frame)
        self.reply = Reply(self.reader)

    def say(self, *frames):
        for frame in frames:
            self.reader.feed_data(frame)


def accepted(output="TabSeparated", streams=True):
    return wire.message(wire.ACCEPTED, {"streams": streams, "format": output})


DONE = wire.message(wire.DONE, SUMMARY)
FAILED = wire.message(wire.FAILED, {"code": 395, "message": "Code: 395. DB::Exception: thrown"})
