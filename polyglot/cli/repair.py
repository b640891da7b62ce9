"""``polyglot repair``: answers the requests of repair.analytics.v1 by bounded replays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption
from polyglot.cli.replay import PANEL, spark
from polyglot.config import Settings
from polyglot.console import EXIT_CODES_HELP, Console, Exit
from polyglot.jobs.rules import rules

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from batch.requests import Task
    from batch.restate import Restated
    from polyglot.jobs.repairs import Backlog

#: Seconds between looks at the topic, and how long requests may keep coming before those that are there are answered.
POLL_S, GATHER_S = 2.0, 30.0
_EXAMPLES = """\
Examples:

    polyglot repair

    polyglot repair --watch

    polyglot repair --json | jq .published
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{repair.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(repair)


def repair(
    watch: Annotated[bool, typer.Option("--watch", help="Go on answering until Ctrl-C.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for Bronze.")] = 600.0,
    json_output: JsonOption = False,
) -> None:
    """Answer the open repair requests: replay the days they are about and publish the restated bars.

    A request is made when an accepted event meets windows that are gone, when numbers are missing, or when something
    restates a window. Requests count as answered once the bars are published; answering one twice changes nothing.
    """
    settings, console = Settings(), Console(json_output=json_output)
    total: list[tuple[Backlog, list[Restated]]] = []
    with lazily(settings, console) as session:
        try:
            while True:
                backlog = _gather(settings) if watch else _open(settings)
                if backlog:
                    total.append((backlog, _answer(settings, console, session, backlog, timeout)))
                if not watch:
                    break
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            if not watch:
                raise
    console.result(_document(total))
    requests = sum(len(backlog) for backlog, _ in total)
    published = sum(sum(one.published.values()) for _, done in total for one in done)
    console.success(
        f"{requests:,} requests answered, {published:,} records published" if total else "nothing to repair"
    )
    if any(backlog.unreadable for backlog, _ in total):
        raise typer.Exit(Exit.FAILED)


class Session:
    """One Spark session for all of a run, started when it is first needed."""

    def __init__(self, settings: Settings, console: Console, stack: ExitStack) -> None:
        self._settings, self._console, self._stack = settings, console, stack
        self._spark: SparkSession | None = None

    def get(self, name: str) -> SparkSession:
        """Return the session.

        Raises:
            CommandError: Spark cannot start here.
        """
        if self._spark is None:
            self._spark = self._stack.enter_context(spark(self._settings, self._console, name))
        return self._spark


@contextmanager
def lazily(settings: Settings, console: Console) -> Iterator[Session]:
    with ExitStack() as stack:
        yield Session(settings, console, stack)


def _open(settings: Settings) -> Backlog:
    from polyglot.jobs.repairs import read_open  # noqa: PLC0415 - keeps --help instant

    return read_open(settings)


def _gather(settings: Settings) -> Backlog:
    """Wait while requests keep coming, for a while: a backlog of one venue is better answered at once."""
    deadline, found = time.monotonic() + GATHER_S, _open(settings)
    while found and time.monotonic() < deadline:
        time.sleep(POLL_S)
        more = _open(settings)
        if len(more) == len(found):
            return more
        found = more
    return found


def _answer(settings: Settings, console: Console, session: Session, backlog: Backlog, timeout: float) -> list[Restated]:
    from batch.requests import coalesce  # noqa: PLC0415
    from polyglot.jobs.drain import await_bronze  # noqa: PLC0415
    from polyglot.jobs.repairs import commit  # noqa: PLC0415

    for line in backlog.unreadable:
        console.warn(f"not a request that can be answered: {line}")
    await_bronze(settings, console, timeout)
    done = restate_all(settings, console, session.get("repair"), coalesce(backlog.requests))
    commit(settings, backlog)
    show(console, done)
    return done


def restate_all(settings: Settings, console: Console, session: SparkSession, tasks: Sequence[Task]) -> list[Restated]:
    """Replay and publish."""
    from batch.restate import restate  # noqa: PLC0415

    scratch = (settings.var_dir / "repair").resolve()
    kafka = settings.kafka.librdkafka()
    return restate(session, settings.lake_uri, scratch, kafka, tasks, console.info, rules(settings))


def show(console: Console, done: Sequence[Restated]) -> None:
    """Write a line per replay."""
    rows = []
    for one in done:
        published = ", ".join(f"{count:,} {kind}" for kind, count in one.published.items())
        span = one.task.span.as_json()
        first = str(span["from"])[:10]
        rows.append([one.task.kind, len(one.task.entities), first, one.days, len(one.task.windows), published])
    if rows:
        console.table(["kind", "entities", "from", "days", "windows", "published"], rows, title="repaired")


def _document(total: list[tuple[Backlog, list[Restated]]]) -> dict[str, Any]:
    tasks = [one for _, done in total for one in done]
    return {
        "requests": sum(len(backlog.requests) for backlog, _ in total),
        "unreadable": [line for backlog, _ in total for line in backlog.unreadable],
        "entities": len({entity for one in tasks for entity in one.task.entities}),
        "published": sum(sum(one.published.values()) for one in tasks),
        "replays": [one.as_json() for one in tasks],
    }
