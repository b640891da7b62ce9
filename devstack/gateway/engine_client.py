"""The server's side of the engine: starts its process, hands it connections, starts it anew when it dies or hangs."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.gateway import wire
from devstack.gateway.errors import UNAVAILABLE, ClickHouseError
from devstack.gateway.limits import EngineLimits

log = logging.getLogger(__name__)

#: Folders below the data folder: tables, FIFOs of results, what importing chDB makes, configuration, working directory.
FOLDERS: Final = ("store", "tmp", "engine", "config", "empty")
#: Beyond what the engine counts itself (code, stacks, what libraries take): more than this is a leak. Bytes.
_BESIDE: Final = 1_500_000_000
_LOOK_S: Final = 0.5
#: The engine answers in milliseconds; on a machine that does much else, in seconds.
_ALIVE_WITHIN_S: Final = 60.0
_START_WITHIN_S: Final = 120.0
_WAIT_FOR_RESTART_S: Final = 30.0
_STARTS: Final = 5
#: The engine's environment has no secrets: only what processes of a stack are found by, and numeric libraries need.
_INHERITED: Final = ("POLYGLOT_STACK_ID", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "LD_LIBRARY_PATH")


class EngineStartError(RuntimeError):
    """The engine does not start."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What the engine says of itself."""

    version: str
    timezone: str
    revision: int


class EngineClient:
    """One engine process at a time over a data folder."""

    def __init__(self, data: Path, limits: EngineLimits) -> None:
        """Take an existing data folder."""
        self._data = data
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self.hello = Hello("", "UTC", 0)

    @property
    def is_ready(self) -> bool:
        """Whether an engine takes requests now."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Start the engine and keep one running; raise EngineStartError if the first does not come up."""
        await self._start()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Let the engine end; no request may be under way."""
        if self._watching is not None:
            self._watching.cancel()
        self._ready.clear()
        if self._control is not None:
            with suppress(OSError):
                self._control.send(wire.STOP)
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, 20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)

    def kill(self, why: str) -> None:
        """End a process that hangs or takes too much; the next one starts at once."""
        log.error("the engine is ended: %s", why)
        if self._process is not None:
            self._process.kill()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Yield a connection for one request.

        Raises:
            ClickHouseError: no engine came up in time (210).
        """
        try:
            async with asyncio.timeout(_WAIT_FOR_RESTART_S):
                await self._ready.wait()
        except TimeoutError:
            raise ClickHouseError(UNAVAILABLE, "The engine is not there; it is being restarted") from None
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                assert self._control is not None  # noqa: S101 - it is set before `_ready`
                socket.send_fds(self._control, [wire.CONNECTION], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise ClickHouseError(UNAVAILABLE, f"The engine is gone: {error}") from error
        reader, writer = await asyncio.open_connection(sock=ours, limit=wire.LARGEST)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def _start(self) -> None:
        for folder in FOLDERS:
            (self._data / folder).mkdir(mode=0o700, exist_ok=True)
        for left in (self._data / "tmp").iterdir():
            if left.is_fifo():
                left.unlink()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = self._spawn(theirs.fileno())
        ours.setblocking(False)
        self._control = ours
        try:
            async with asyncio.timeout(_START_WITHIN_S):
                hello = await asyncio.get_running_loop().sock_recv(ours, 4096)
        except TimeoutError:
            self._process.kill()
            hello = b""
        if not hello:
            code = await asyncio.to_thread(self._process.wait)
            raise EngineStartError(f"the engine ended with {code} while it started; its log says why")
        self.hello = Hello(**json.loads(hello))
        self._ready.set()

    def _spawn(self, control: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable, "-m", "devstack.gateway.engine_process", "--data", str(self._data),
                "--control", str(control), "--limits", self._limits_json(),
            ],
            pass_fds=(control,),
            stdin=subprocess.DEVNULL,
            env={
                "LANG": "C.UTF-8", "TZ": "UTC", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
                "JE_MALLOC_CONF": "retain:false",  # address space goes back, or the bound on it is soon used up
                "TMPDIR": str(self._data / "engine"),  # importing chDB makes an engine without a store there
                **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            },
        )  # fmt: skip

    def _limits_json(self) -> str:
        return EngineLimits.model_validate(
            self._limits.model_dump(include=set(EngineLimits.model_fields))
        ).model_dump_json()

    async def _watch(self) -> None:
        asked: float | None = None
        while True:
            await asyncio.sleep(_LOOK_S)
            assert self._process is not None  # noqa: S101 - `_start` came first
            assert self._control is not None  # noqa: S101
            if self._process.poll() is not None:
                self._ready.clear()
                self._control.close()
                await self._restart()
                asked = None
                continue
            if self._resident() > self._limits.max_memory_bytes + _BESIDE:
                self.kill(f"it holds {self._resident():,} bytes")
                continue
            with suppress(BlockingIOError):
                if self._control.recv(64):
                    asked = None
            if asked is None:
                with suppress(BlockingIOError, OSError):
                    self._control.send(wire.SIGN_OF_LIFE)
                    asked = time.monotonic()
            elif time.monotonic() - asked > _ALIVE_WITHIN_S:
                self.kill(f"it has not answered for {_ALIVE_WITHIN_S:.0f} s")

    async def _restart(self) -> None:
        assert self._process is not None  # noqa: S101
        log.error("the engine ended with %s; starting it anew", self._process.returncode)
        for attempt in range(_STARTS):
            try:
                await self._start()
            except EngineStartError:
                log.exception("start %d of %d failed", attempt + 1, _STARTS)
                await asyncio.sleep(min(2**attempt, 10))
            else:
                return
        log.critical("the engine does not start any more; the gateway ends")
        os._exit(1)

    def _resident(self) -> int:
        assert self._process is not None  # noqa: S101
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        except OSError:
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
