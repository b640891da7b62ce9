"""The state of Flink jobs, by the JobManager's REST interface."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

FINISHED = "FINISHED"
#: States that no job leaves. SUSPENDED is none: another JobManager takes the job over.
ENDED = frozenset({FINISHED, "FAILED", "CANCELED"})
TIMEOUT = aiohttp.ClientTimeout(total=15)


class NoSuchJobError(RuntimeError):
    """The JobManager does not know the job (it keeps the ended ones for an hour, or until it restarts)."""


async def state(http: aiohttp.ClientSession, url: str, job_id: str) -> str:
    """Return a job's state.

    Raises:
        NoSuchJobError: see there.
        aiohttp.ClientError, TimeoutError: no answer, or none that makes sense; the next one may.
    """
    async with http.get(f"{url.rstrip('/')}/jobs/{job_id}", timeout=TIMEOUT) as answer:
        if answer.status == 404:
            raise NoSuchJobError(f"Flink at {url} knows no job {job_id}")
        answer.raise_for_status()
        found: str = (await answer.json())["state"]
        return found


async def root_cause(http: aiohttp.ClientSession, url: str, job_id: str) -> str:
    """Return the stack trace of a job's last failure, or nothing."""
    try:
        async with http.get(f"{url.rstrip('/')}/jobs/{job_id}/exceptions", timeout=TIMEOUT) as answer:
            history: list[dict[str, Any]] = (await answer.json()).get("exceptionHistory", {}).get("entries", [])
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return ""
    return str(history[0].get("stacktrace", ""))[:3000] if history else ""


def state_now(url: str, job_id: str) -> str:
    """As `state`, once, for callers without an event loop."""

    async def ask() -> str:
        async with aiohttp.ClientSession() as http:
            return await state(http, url, job_id)

    return asyncio.run(ask())


def page(url: str, job_id: str) -> str:
    """Return where Flink's web UI shows a job."""
    return f"{url.rstrip('/')}/#/job/running/{job_id}/overview"
