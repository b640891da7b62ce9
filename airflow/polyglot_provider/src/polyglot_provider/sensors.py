"""Waiting for a Flink job to finish, and for the stream to be fresh."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from polyglot_provider import flink
from polyglot_provider.hooks import DEFAULT, PolyglotHook
from polyglot_provider.links import FlinkUiLink
from polyglot_provider.runs import own_environment
from polyglot_provider.triggers import FlinkJobTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

#: A look takes seconds; one that takes longer hangs.
LOOK_S = 120.0
#: How old the newest bar is, seconds.
AGE = "SELECT dateDiff('second', max(window_start), now()) FROM bars_latest"


class FlinkJobSensor(BaseSensorOperator):
    """Waits until a Flink *job* is FINISHED; a JobManager that is up says nothing about that.

    A job that fails or is cancelled fails the task, with the cause, and without a retry. It waits in the triggerer.

    Args:
        job_id: the job.
        every_s: between two looks.
    """

    template_fields: Sequence[str] = ("job_id",)
    operator_extra_links = (FlinkUiLink(),)
    ui_color = "#fbe3d6"

    def __init__(self, *, job_id: str, every_s: float = 2.0, polyglot_conn_id: str = DEFAULT, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id, self.every_s, self.polyglot_conn_id = job_id, every_s, polyglot_conn_id

    def execute(self, context: Context) -> Any:  # noqa: ARG002 - Airflow's signature
        self.defer(
            trigger=FlinkJobTrigger(self._flink, self.job_id, self.every_s),
            method_name=self.resumed.__name__,
            timeout=timedelta(seconds=self.timeout),
        )

    def flink_page(self, ti_key: Any) -> str:  # noqa: ARG002 - as operators have it
        """Return where Flink's web UI shows the job."""
        return flink.page(self._flink, self.job_id)

    @property
    def _flink(self) -> str:
        return PolyglotHook(self.polyglot_conn_id).installation.flink

    def resumed(self, context: Context, event: dict[str, Any]) -> str:  # noqa: ARG002 - Airflow's signature
        """Judge the state that the trigger saw."""
        state, job = event["state"], event["job_id"]
        if state == flink.FINISHED:
            return str(job)
        text = f"job {job} is {state}: {event['detail']}"
        raise AirflowException(text) if state == "UNREACHABLE" else AirflowFailException(text)


class FreshnessSensor(BaseSensorOperator):
    """Waits until the jobs run, no consumer group is too far behind, and results are young enough.

    It asks `polyglot status` and, for the age, ClickHouse. Between two looks it keeps no worker.

    Args:
        jobs: names of jobs that must run.
        max_lag: records that any consumer group may be behind.
        max_age_s: how old the newest result may be; None: it is not asked, as for captures of years ago.
        age: the query for that.
    """

    template_fields: Sequence[str] = ("max_lag", "max_age_s")
    ui_color = "#e3ecf7"

    def __init__(
        self,
        *,
        jobs: Sequence[str] = ("ingest", "normalize", "analytics"),
        max_lag: float | str = 10_000,
        max_age_s: float | str | None = None,
        age: str = AGE,
        polyglot_conn_id: str = DEFAULT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"mode": "reschedule", "poke_interval": 10.0, "timeout": 300.0, **kwargs})
        self.jobs, self.max_lag, self.max_age_s, self.age = tuple(jobs), max_lag, max_age_s, age
        self.polyglot_conn_id = polyglot_conn_id

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        status = self._ask("status", answers=(0, 1))  # 1: something is not healthy; which, is judged here
        found = judge(status, self.jobs, float(self.max_lag)) if status else ["the stack is not running"]
        if self.max_age_s not in (None, "") and not found:
            rows = (self._ask("query", self.age) or {}).get("rows") or [[None]]
            seconds = rows[0][0]
            if seconds is None or float(seconds) > float(self.max_age_s):
                found.append("there is no result" if seconds is None else f"the newest result is {seconds} s old")
        for line in found:
            self.log.info("not yet: %s", line)
        return PokeReturnValue(is_done=not found, xcom_value={"jobs": list(self.jobs)})

    def _ask(self, *arguments: str, answers: Sequence[int] = (0,)) -> Any:
        hook = PolyglotHook(self.polyglot_conn_id)
        command = hook.command(arguments)
        try:
            done = subprocess.run(
                command.arguments,
                cwd=command.directory,
                env={**own_environment(os.environ), **hook.installation.environment},
                capture_output=True,
                text=True,
                timeout=LOOK_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.log.warning("no answer in %s s: %s", LOOK_S, " ".join(arguments))
            return None
        if done.returncode not in answers:
            self.log.info("exit code %s: %s", done.returncode, done.stderr.strip()[-500:])
            return None
        return json.loads(done.stdout)


def judge(status: Mapping[str, Any], jobs: Sequence[str], max_lag: float) -> list[str]:
    """Return what is wrong, a line each, by the document of `polyglot status`."""
    wrong = [f"{one['name']} is {one['health']}" for one in status["components"] if one["health"] != "healthy"]
    newest: dict[str, str] = {}
    for job in status["jobs"]:  # newest first
        newest.setdefault(job["name"], job["state"])
    wrong += [f"job {name} is {newest.get(name, 'absent')}" for name in jobs if newest.get(name) != "RUNNING"]
    wrong += [f"{one['group']} is {one['lag']} records behind" for one in status["groups"] if one["lag"] > max_lag]
    return wrong
