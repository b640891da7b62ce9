"""What waits in the triggerer: for a command by its run's folder, for a Flink job by REST.

Each event carries all that the resumed task needs. What is given to ``defer(kwargs=…)`` is lost on resume under
`airflow dags test`, and a triggerer that restarts begins its triggers anew from their arguments.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from airflow.triggers.base import BaseTrigger, TriggerEvent

from polyglot_provider import flink
from polyglot_provider.runs import Attempt, Tail

#: So many asks in a row may stay without an answer: a JobManager that restarts takes a while.
PATIENCE = 60


def say(log: Any, line: str) -> None:
    """Log a line of a command at the level that it names."""
    level = {"error": logging.ERROR, "warning": logging.WARNING}.get(line.partition(": ")[0], logging.INFO)
    log.log(level, "%s", line)


class CommandTrigger(BaseTrigger):
    """Waits until a run's attempt has ended, and logs what it says behind its first `said` bytes."""

    def __init__(self, folder: str, every_s: float = 2.0, said: int = 0) -> None:
        super().__init__()
        self.folder, self.every_s, self.said = folder, every_s, said

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.CommandTrigger", {"folder": self.folder, "every_s": self.every_s, "said": self.said}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        attempt, tail = Attempt(Path(self.folder)), Tail(Path(self.folder) / "progress.log", self.said)
        while True:
            # First of all: an event that comes before the deferring worker is gone makes Airflow try the task again.
            await asyncio.sleep(self.every_s)
            running = await asyncio.to_thread(lambda: attempt.running)
            for line in await asyncio.to_thread(tail.lines, ended=not running):
                say(self.log, line)
            if not running:
                yield TriggerEvent({"folder": self.folder})
                return

    async def on_kill(self) -> None:
        """End the command: somebody marked the task, or cleared it."""
        await asyncio.to_thread(Attempt(Path(self.folder)).end)


class FlinkJobTrigger(BaseTrigger):
    """Waits until a Flink job has ended, in whatever state."""

    def __init__(self, url: str, job_id: str, every_s: float = 2.0) -> None:
        super().__init__()
        self.url, self.job_id, self.every_s = url, job_id, every_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.FlinkJobTrigger", {"url": self.url, "job_id": self.job_id, "every_s": self.every_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        misses, before = 0, ""
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    state, misses = await flink.state(http, self.url, self.job_id), 0
                except flink.NoSuchJobError as error:
                    yield self._event("UNKNOWN", str(error))
                    return
                except (aiohttp.ClientError, TimeoutError) as error:
                    state, misses = "no answer", misses + 1
                    if misses > PATIENCE:
                        yield self._event("UNREACHABLE", f"no answer from Flink at {self.url}: {error!r}")
                        return
                if state != before:
                    self.log.info("job %s: %s", self.job_id, state)
                    before = state
                if state in flink.ENDED:
                    cause = "" if state == flink.FINISHED else await flink.root_cause(http, self.url, self.job_id)
                    yield self._event(state, cause)
                    return
                await asyncio.sleep(self.every_s)

    def _event(self, state: str, detail: str) -> TriggerEvent:
        return TriggerEvent({"url": self.url, "job_id": self.job_id, "state": state, "detail": detail})
