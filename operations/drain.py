"""Wait until everything that was fed has come through to every topic and store."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from operations.jobs import EVERY_STAGE, STAGES, Stage
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader, Offsets, lag
from schemas import catalog

#: Open windows are published every 2 s of processing time (``flink_jobs/operators/fold.py``), and long ones with the
#: tick after the last record: what an idle job still holds back is out after two ticks.
TICKS_S = 4.0
#: A lake sink hands rows over with one checkpoint and commits them with the next but one.
LAKE_CHECKPOINTS = 3
_POLL_S = 0.5


def drain(settings: Settings, console: Console, timeout_s: float) -> float:
    """Walk the stages downstream; return the seconds it took.

    A stage is through when its groups have committed what its topics held, and every output of that is flushed, which
    one more checkpoint proves: records may sit in a micro-batch or an open window while the checkpoint that commits
    their offsets is taken.

    Raises:
        CommandError: not through within ``timeout_s``.
    """
    began = time.monotonic()
    deadline = began + timeout_s
    reader = OffsetReader(settings)
    with FlinkRest(settings.flink.url) as rest:
        for number, stages in enumerate(STAGES):
            with console.progress(f"stage {number + 1} of {len(STAGES)}", None) as tracker:
                _await_committed(rest, reader, stages, deadline, tracker.describe)
                if number == 1:
                    _await_quiet(reader, deadline)
                for _ in range(LAKE_CHECKPOINTS if number == len(STAGES) - 1 else 1):
                    _checkpoint_all(rest, {stage.job for stage in stages}, deadline)
        _checkpoint_all(rest, {stage.job for stage in EVERY_STAGE}, deadline)
    return time.monotonic() - began


def await_bronze(settings: Settings, console: Console, timeout_s: float) -> Offsets:
    """Wait until Bronze has what the raw topics have now; return their ends.

    Raises:
        CommandError: not there within ``timeout_s``, or the ingest job does not run.
    """
    deadline = time.monotonic() + timeout_s
    reader = OffsetReader(settings)
    (stage,) = (stage for stage in STAGES[0] if stage.job == "ingest")
    ends = reader.ends(stage.reads)
    with FlinkRest(settings.flink.url) as rest, console.progress("waiting for Bronze", None) as tracker:
        _await_committed(rest, reader, (stage,), deadline, tracker.describe)
        for _ in range(LAKE_CHECKPOINTS):
            _checkpoint_all(rest, {stage.job}, deadline)
    return ends


def await_windows(settings: Settings, timeout_s: float) -> None:
    """Wait until a checkpoint of the windows has what the raw topics have now; more may come meanwhile.

    Raises:
        CommandError: not there within ``timeout_s``, or a job does not run.
    """
    deadline = time.monotonic() + timeout_s
    reader = OffsetReader(settings)
    with FlinkRest(settings.flink.url) as rest:
        for stages, job in zip(STAGES, ("normalize", "analytics"), strict=False):
            chosen = tuple(stage for stage in stages if stage.job == job)
            _await_committed(rest, reader, chosen, deadline, lambda _: None)
            _checkpoint_all(rest, {job}, deadline)


def _await_quiet(reader: OffsetReader, deadline: float) -> None:
    """Wait until the windows have nothing more to say: no new record for as long as a tick may hold one back."""
    topics = tuple(catalog.topic(kind) for kind in catalog.BARS)
    before, since = reader.ends(topics), time.monotonic()
    while time.monotonic() - since < TICKS_S:
        if time.monotonic() > deadline:
            raise CommandError(f"{', '.join(topics)} do not come to rest", code=Exit.TIMEOUT)
        time.sleep(_POLL_S)
        now = reader.ends(topics)
        if now != before:
            before, since = now, time.monotonic()


def _await_committed(
    rest: FlinkRest,
    reader: OffsetReader,
    stages: tuple[Stage, ...],
    deadline: float,
    describe: Callable[[str], None],
) -> None:
    ends = {stage: reader.ends(stage.reads) for stage in stages}
    before: dict[Stage, int] = {}
    while True:
        committed = {stage: reader.committed(stage.group, ends[stage]) for stage in stages}
        lags = {stage: n for stage, end in ends.items() if (n := lag(end, committed[stage]))}
        if lags == before:  # it does not move: maybe there is nothing to read any more
            unread = {stage: reader.unread(ends[stage], committed[stage]) for stage in lags}
            lags = {stage: n for stage in lags if (n := lag(unread[stage], committed[stage]))}
        if not lags:
            return
        before = lags
        behind = {stage.group: n for stage, n in lags.items()}
        describe(", ".join(f"{group} {n:,} behind" for group, n in behind.items()))
        if time.monotonic() > deadline:
            raise CommandError(f"not drained in time: {behind}", code=Exit.TIMEOUT)
        _checkpoint_all(rest, {stage.job for stage in lags}, deadline)
        time.sleep(_POLL_S)


def _checkpoint_all(rest: FlinkRest, names: set[str], deadline: float) -> None:
    """Complete one checkpoint of each job; a job that restarts meanwhile is waited for."""

    def one(name: str) -> None:
        while time.monotonic() < deadline:
            job = rest.job(name)
            if job is None:
                cause = rest.last_cause(name)
                raise CommandError(
                    f"job {name} does not run" + (f": {cause}" if cause else ""),
                    hint="Start it with: polyglot submit",
                    code=Exit.UNAVAILABLE,
                )
            if job.running and rest.checkpoint(job.id, deadline):
                return
            time.sleep(_POLL_S)
        raise CommandError(f"no checkpoint of {name} completed in time", code=Exit.TIMEOUT)

    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        list(pool.map(one, sorted(names)))
