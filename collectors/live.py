"""Live frames over WebSockets: every message that arrived is sent, whatever happens to the connection.

Receiving and sending are two tasks with a buffer between them, so that a slow broker does not stop the pongs. When
the buffer is full, reading stops and TCP holds the venue back. A connection that is lost, refused or silent is opened
again: at once if it had delivered, else after a random, exponentially growing pause. What the venue sends twice
across a reconnect has the same event id.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from collectors.block import assigned
from collectors.pump import Sender
from collectors.subscriptions import Subscription

FLUSH_EVERY_S = 0.005
BUFFER_FRAMES = 100_000
FLUSH_FRAMES = 2_000


@dataclass(frozen=True)
class Patience:
    """Seconds: a connection is stale without any frame, pings, and bounds of the pause between attempts."""

    stale: float = 30.0
    ping: float = 15.0
    open: float = 10.0
    first_pause: float = 0.5
    longest_pause: float = 30.0


class _LostError(Exception):
    """A connection ended; ``delivered``: not before its first frame."""

    def __init__(self, reason: str, delivered: bool) -> None:
        super().__init__(reason)
        self.delivered = delivered


def run_id(venue: str) -> str:
    """Return a source id that no other run has: venue, host, process, start."""
    return f"live:{venue}:{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"


class Live:
    """One run of a live collector. ``connections`` and ``frames`` count what happened so far."""

    def __init__(
        self,
        subscription: Subscription,
        sender: Sender,
        *,
        max_frame: int,
        say: Callable[[str], None],
        patience: Patience | None = None,
    ) -> None:
        self._subscription = subscription
        self._sender = sender
        self._max_frame = max_frame
        self._say = say
        self._patience = patience or Patience()
        self._buffer: list[tuple[int, bytes]] = []
        self._room = asyncio.Event()
        self._stopping = asyncio.Event()
        self.connections = 0
        self.frames = 0

    def stop(self) -> None:
        """End the run: what has arrived is still sent."""
        self._stopping.set()

    async def run(self) -> None:
        """Collect until `stop`.

        Raises:
            CommandError: a record was not delivered.
        """
        receiver = asyncio.create_task(self._receive())
        stopped = asyncio.create_task(self._stopping.wait())
        flusher = asyncio.create_task(self._flush())
        try:
            await asyncio.wait({receiver, flusher, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            receiver.cancel()
            await asyncio.gather(receiver, return_exceptions=True)
            self._stopping.set()
            stopped.cancel()
            await flusher
        if not receiver.cancelled() and (error := receiver.exception()):
            raise error

    async def _flush(self) -> None:
        """Send what is in the buffer until the run ends and it is empty."""
        while True:
            ending = self._stopping.is_set()
            batch, self._buffer = self._buffer[:FLUSH_FRAMES], self._buffer[FLUSH_FRAMES:]
            if len(self._buffer) < BUFFER_FRAMES:
                self._room.set()
            if batch:
                block = assigned(
                    self._sender.venue, self.frames + 1, [time for time, _ in batch], [frame for _, frame in batch]
                )
                self.frames += len(batch)
                # In a thread: with a full producer queue this waits, and pings must be answered meanwhile.
                await asyncio.to_thread(self._sender.send, block)
            elif ending:
                return
            else:
                await asyncio.to_thread(self._sender.producer.poll)
                await asyncio.sleep(FLUSH_EVERY_S)

    async def _receive(self) -> None:
        patience = self._patience
        while True:
            try:
                async for attempt in AsyncRetrying(
                    retry=retry_if_exception(lambda error: isinstance(error, _LostError) and not error.delivered),
                    wait=wait_random_exponential(patience.first_pause, patience.longest_pause),
                    before_sleep=self._report_retry,
                    reraise=True,
                ):
                    with attempt:
                        await self._session()
            except _LostError as lost:
                self._say(f"connection lost ({lost}); connecting again")

    def _report_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._say(f"no connection ({error}); next attempt in {state.upcoming_sleep:.1f} s")

    async def _session(self) -> None:
        """Follow one connection to its end.

        Raises:
            _LostError: always.
        """
        patience, delivered = self._patience, False
        try:
            async with connect(
                self._subscription.url,
                max_size=self._max_frame,
                open_timeout=patience.open,
                ping_interval=patience.ping,
                ping_timeout=patience.ping,
                close_timeout=1.0,
            ) as socket:
                self.connections += 1
                for message in self._subscription.messages:
                    await socket.send(message)
                while True:
                    frame = await self._next(socket)
                    delivered = True
                    self._buffer.append((time.time_ns() // 1000, frame))
                    if len(self._buffer) >= BUFFER_FRAMES:
                        self._room.clear()
                        await self._room.wait()
        except TimeoutError:
            raise _LostError("no frame or answer in time", delivered) from None
        except (WebSocketException, OSError) as error:
            raise _LostError(str(error) or type(error).__name__, delivered) from error

    async def _next(self, socket: ClientConnection) -> bytes:
        async with asyncio.timeout(self._patience.stale):
            return await socket.recv(decode=False)
