"""What the engine says of one statement, as it comes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from devstack.gateway import wire
from devstack.gateway.errors import LIMIT_EXCEEDED, UNAVAILABLE, ClickHouseError


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a statement ended: what it read and wrote, and a short result that did not go through the FIFO."""

    summary: dict[str, int]
    result: bytes


class Reply:
    """The frames of the engine's end of a connection.

    ``format``: of the result, once the statement is accepted and if it has one. ``outcome``: ends with the statement.
    """

    def __init__(self, reader: asyncio.StreamReader, most: int) -> None:
        """Begin to listen; a result in frames has at most ``most`` bytes."""
        self.format: str | None = None
        self.outcome = asyncio.create_task(self._listen(reader, most))

    async def _listen(self, reader: asyncio.StreamReader, most: int) -> Outcome:
        """Return how the statement ended.

        Raises:
            ClickHouseError: what the engine refuses, or it died (210).
        """
        result = bytearray()
        try:
            while True:
                kind, size = wire.unpack(await reader.readexactly(wire.HEADER.size))
                payload = await reader.readexactly(size)
                if kind == wire.ACCEPTED:
                    self.format = json.loads(payload).get("format")
                elif kind == wire.RESULT:
                    result += payload
                    if len(result) > most:
                        raise ClickHouseError(LIMIT_EXCEEDED, f"The result is longer than {most} bytes")
                elif kind == wire.FAILED:
                    failed = json.loads(payload)
                    raise ClickHouseError(failed["code"], failed["message"])
                else:
                    return Outcome(json.loads(payload), bytes(result))
        except (asyncio.IncompleteReadError, OSError) as error:
            text = "The engine ended while the statement ran; whether it took effect is not known"
            raise ClickHouseError(UNAVAILABLE, text) from error
