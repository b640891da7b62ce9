"""Commands of Polyglot as tasks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseOperatorLink, get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from polyglot_provider import flink, lineage
from polyglot_provider.hooks import DEFAULT, PolyglotHook
from polyglot_provider.links import FlinkUiLink, VerifyReportLink
from polyglot_provider.metrics import publish
from polyglot_provider.reports import address
from polyglot_provider.runs import LOST, AnotherCommandError, Attempt, Run, Tail, command_line
from polyglot_provider.triggers import CommandTrigger, say

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Exit codes of the command line, by what they mean.
MEANING = {
    1: "failed",
    2: "wrong usage or configuration",
    3: "a service is not running",
    4: "a prerequisite is missing",
    5: "timed out",
    130: "interrupted",
}
#: What another try may answer otherwise. "Failed" is an answer: differences, a refusal.
PASSING = frozenset({3, 5, 130})
#: A larger document stays in the run's folder; the XCom has its numbers and texts.
LARGEST_XCOM = 64 * 1024


class PolyglotOperator(BaseOperator):
    """Runs ``polyglot COMMAND OPTIONS --json``: its progress is the task's log, its document the XCom.

    The command runs beside the worker, in a folder of the run (`polyglot_provider.runs`). A retry finds what a killed
    worker has started: it waits for that, or takes its result, and starts nothing a second time. A result is taken
    once; a cleared task runs its command again.

    Exit codes: 0 is success. 3 (a service is not running), 5 (timed out), 130 and death by a signal fail the try, and
    Airflow retries. 1, 2 and 4 are answers that a retry would repeat: they fail the task at once.

    Args:
        command: words of the command: ``"deadletters redrive"``.
        options: by name without dashes. None, False and "" are left out, True is a flag, a list repeats the option.
        timeout_s: the command is ended after so many seconds; 0: never. Seconds in its turn's queue do not count.
        turn: commands of one turn run one after the other on a machine: those with Spark share scratch folders.
        retry_on: exit codes that fail the try, not the task.
        reads: datasets for lineage, ``topic:NAME`` or ``table:NAME``.
        writes: likewise.
        deferrable: wait in the triggerer; False keeps the worker.
        defer_after_s: the worker waits itself for a command that takes no longer.
    """

    template_fields: Sequence[str] = ("command", "options")
    operator_extra_links: tuple[BaseOperatorLink, ...] = (FlinkUiLink(),)
    ui_color = "#e6f2ef"

    def __init__(
        self,
        *,
        command: str | Sequence[str],
        options: Mapping[str, Any] | None = None,
        timeout_s: float = 0.0,
        turn: str = "",
        retry_on: Sequence[int] = tuple(sorted(PASSING)),
        reads: Sequence[str] = (),
        writes: Sequence[str] = (),
        deferrable: bool = True,
        defer_after_s: float = 5.0,
        every_s: float = 2.0,
        polyglot_conn_id: str = DEFAULT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.command, self.options = command, options or {}
        self.timeout_s, self.turn, self.retry_on = timeout_s, turn, tuple(retry_on)
        self.reads, self.writes = tuple(reads), tuple(writes)
        self.deferrable, self.defer_after_s = deferrable, defer_after_s
        self.every_s, self.polyglot_conn_id = every_s, polyglot_conn_id

    @property
    def hook(self) -> PolyglotHook:
        return PolyglotHook(self.polyglot_conn_id)

    def execute(self, context: Context) -> Any:
        line = command_line(self.command, self.options)
        command = self.hook.command(line, timeout_s=self.timeout_s, turn=self.turn)
        try:
            attempt, started = self._run(context["ti"]).find_or_start(command)
        except AnotherCommandError as error:
            raise AirflowFailException(f"{error}: end it, or wait for it") from None
        shown = " ".join(command.arguments)
        if started:
            self.log.info("started: %s", shown)
        else:
            self.log.info("found, %s: %s", "running" if attempt.running else "ended", shown)
        self.log.info("folder: %s", attempt.folder)
        tail = Tail(attempt.folder / "progress.log")
        if not self._follow(attempt, tail, self.defer_after_s if self.deferrable else float("inf")):
            trigger = CommandTrigger(str(attempt.folder), self.every_s, tail.at)
            self.defer(trigger=trigger, method_name=self.resumed.__name__)
        return self._take(attempt, context)

    def resumed(self, context: Context, event: dict[str, Any]) -> Any:
        """Take the result of the attempt that the trigger saw end."""
        return self._take(Attempt(Path(event["folder"])), context)

    def on_kill(self) -> None:
        """End the command: the task was marked, cleared or stopped while it kept a worker."""
        for attempt in self._run(get_current_context()["ti"]).attempts()[-1:]:
            attempt.end()

    def taken(self, document: Any, context: Context) -> None:
        """Use the document before it becomes the XCom, also that of a command that exits with 1."""

    def flink_page(self, ti_key: Any) -> str:
        """Return where Flink's web UI shows the job that the command has named; nothing if it has named none."""
        attempts = self._run(ti_key).attempts()
        job_id = _job_id(attempts[-1].document) if attempts else ""
        return flink.page(self.hook.installation.flink, job_id) if job_id else ""

    def get_openlineage_facets_on_start(self) -> Any:
        return lineage.of(self.hook.installation, self.reads, self.writes)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - OpenLineage's signature
        return lineage.of(self.hook.installation, self.reads, self.writes)

    def _run(self, task: Any) -> Run:
        return self.hook.run(*identity(task))

    def _follow(self, attempt: Attempt, tail: Tail, patience_s: float) -> bool:
        """Log what the command says until it has ended, or until patience ends; return whether it has."""
        deadline, pause = time.monotonic() + patience_s, 0.05
        while True:
            running = attempt.running
            for line in tail.lines(ended=not running):
                say(self.log, line)
            if not running or time.monotonic() >= deadline:
                return not running
            time.sleep(pause)
            pause = min(2 * pause, self.every_s, 0.5)

    def _take(self, attempt: Attempt, context: Context) -> Any:
        code, document = attempt.code, attempt.document
        if code is LOST:
            raise AirflowException("the command was killed, and what watched it too")
        if document is not None:
            self.taken(document, context)
        attempt.deliver()
        if code == 0:
            if document is None:
                raise AirflowFailException("the command printed no JSON document")
            return _bounded(document, attempt)
        if document is not None:
            context["ti"].xcom_push(key="document", value=_bounded(document, attempt))
        meaning = MEANING.get(code, f"killed by signal {-code}" if code < 0 else f"exit code {code}")
        text = f"{meaning}: {attempt.last_words}"
        raise AirflowException(text) if code < 0 or code in self.retry_on else AirflowFailException(text)


class VerifyOperator(PolyglotOperator):
    """``polyglot verify``: publishes what it found as metrics, and links to its report."""

    operator_extra_links: tuple[BaseOperatorLink, ...] = (VerifyReportLink(),)
    ui_color = "#d5ead9"

    def __init__(self, *, command: str = "verify", turn: str = "spark", **kwargs: Any) -> None:
        super().__init__(command=command, turn=turn, **kwargs)

    def taken(self, document: Any, context: Context) -> None:
        publish(self.hook.installation.runs, document)
        page = self.report_page(context["ti"])
        self.log.info("%s records, %s differences: %s", document["records"], document["differences"], page)
        for table in document["tables"]:
            if table["status"] == "different":
                self.log.error("%s: %s", table["table"], table["differences"])

    def report_page(self, ti_key: Any) -> str:
        """Return where Airflow's server shows the report."""
        return address(ti_key.dag_id, self._run(ti_key))


def identity(task: Any) -> tuple[object, ...]:
    """Return what a run is named by: the same for every try of a task."""
    return task.dag_id, task.run_id, task.task_id, task.map_index


def _bounded(document: Any, attempt: Attempt) -> Any:
    path = attempt.folder / "out.json"
    if path.stat().st_size <= LARGEST_XCOM or not isinstance(document, dict):
        return document
    short = {name: value for name, value in document.items() if not isinstance(value, dict | list)}
    return {**short, "whole": str(path)}


def _job_id(document: Any) -> str:
    """Return the id of the first Flink job that a document names."""
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return ""
    return str(first.get("job_id") or (first.get("id", "") if "state" in first else ""))
