"""``polyglot repair``: answers the requests of repair.analytics.v1 by bounded replays."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption
from polyglot.cli.replay import PANEL, spark
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit
from runtime.quality import rules

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from batch.repair.answers import Answered
    from batch.repair.coverage import Coverage
    from batch.repair.requests import Task
    from operations.repairs import Backlog

#: Seconds between looks at the topic, and how long requests may keep coming before those that are there are answered.
POLL_S, GATHER_S = 2.0, 30.0
#: What a watch waits out: services that start or stop beside it.
PASSING = frozenset({Exit.UNAVAILABLE, Exit.TIMEOUT})
_EXAMPLES = """\
Examples:

    polyglot repair

    polyglot repair --watch --every 300

    polyglot repair --json | jq .published
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{repair.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(repair)


def repair(
    watch: Annotated[bool, typer.Option("--watch", help="Go on answering until Ctrl-C or SIGTERM.")] = False,
    every: Annotated[
        float | None,
        typer.Option(
            min=0, help="With --watch: seconds of rest between two answers; default: the setting repair.rest_s."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for Bronze.")] = 600.0,
    json_output: JsonOption = False,
) -> None:
    """Answer the open repair requests: replay the days they are about and publish the restated bars.

    A request is made when an accepted event meets windows that are gone, when numbers are missing, or each time that a
    window with a cancelled or corrected trade changes. All that are open are answered by one replay per range of days;
    with --watch those of a window that keeps changing at most once per rest, and not at all if nothing came since.
    Requests count as answered once the bars are published; answering one twice changes nothing.
    """
    from batch.repair.coverage import Coverage  # noqa: PLC0415 - keeps --help instant

    settings, console = Settings(), Console(json_output=json_output)
    if watch and json_output:
        raise CommandError("--watch has no end, and --json is one document", code=Exit.USAGE)
    answered = Coverage()
    with lazily(settings, console) as session:

        def answer(backlog: Backlog) -> list[Answered]:
            # Beside a watch, a second repair may be run by hand.
            scratch = "repair-watch" if watch else "repair"
            return _answer(settings, console, session, backlog, answered, scratch, timeout)

        if watch:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            rest = settings.repair.rest_s if every is None else every
            with suppress(KeyboardInterrupt):
                follow(console, lambda: _gather(settings), answer, rest)
            return
        backlog = _open(settings)
        done = answer(backlog) if backlog else []
    console.result(_document(backlog, done))
    console.success(_summary(backlog, done) if backlog else "nothing to repair")
    if backlog.unreadable:
        raise typer.Exit(Exit.FAILED)


def follow(
    console: Console,
    look: Callable[[], Backlog],
    answer: Callable[[Backlog], list[Answered]],
    rest_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Answer whatever is open, rest, and begin again, for ever; services that are away are waited for.

    The rest bounds what live trading costs: an instrument with a cancelled trade asks for its day every two seconds,
    and a replay answers all of that at once.
    """
    while True:
        pause = POLL_S
        try:
            if backlog := look():
                console.success(_summary(backlog, answer(backlog)))
                pause = rest_s
        except CommandError as error:
            if error.code not in PASSING:
                raise
            console.warn(str(error))
        sleep(pause)


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
    from operations.repairs import read_open  # noqa: PLC0415 - keeps --help instant

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


def _answer(
    settings: Settings,
    console: Console,
    session: Session,
    backlog: Backlog,
    answered: Coverage,
    scratch: str,
    timeout: float,
) -> list[Answered]:
    from batch.repair.requests import coalesce  # noqa: PLC0415
    from operations.drain import await_bronze  # noqa: PLC0415
    from operations.repairs import commit  # noqa: PLC0415

    for line in backlog.unreadable:
        console.warn(f"not a request that can be answered: {line}")
    ends = await_bronze(settings, console, timeout)
    tasks = coalesce(answered.unanswered(backlog.requests, ends))
    done = answer_all(settings, console, session.get("repair"), tasks, scratch) if tasks else []
    answered.note(tasks, ends)
    commit(settings, backlog)
    show(console, done)
    return done


def answer_all(
    settings: Settings, console: Console, session: SparkSession, tasks: Sequence[Task], scratch_name: str = "repair"
) -> list[Answered]:
    """Replay and publish; two that run at one time need scratch folders of their own."""
    from batch.repair.answers import answer  # noqa: PLC0415
    from runtime.readers.releases import schedule  # noqa: PLC0415

    scratch = settings.replays_dir / scratch_name
    kafka = settings.kafka.librdkafka()
    return answer(session, settings.lake_uri, scratch, kafka, tasks, console.info, rules(settings), schedule(settings))


def show(console: Console, done: Sequence[Answered]) -> None:
    """Write a line per replay."""
    rows = []
    for one in done:
        published = ", ".join(f"{count:,} {kind}" for kind, count in one.published.items())
        span = one.task.span.as_json()
        first = str(span["from"])[:10]
        rows.append([one.task.kind, len(one.task.entities), first, one.days, one.windows, published])
    if rows:
        console.table(["kind", "entities", "from", "days", "windows", "published"], rows, title="repaired")


def _published(done: Sequence[Answered]) -> int:
    return sum(sum(one.published.values()) for one in done)


def _summary(backlog: Backlog, done: Sequence[Answered]) -> str:
    return f"{len(backlog):,} requests answered, {_published(done):,} records published"


def _document(backlog: Backlog, done: Sequence[Answered]) -> dict[str, Any]:
    return {
        "requests": len(backlog.requests),
        "unreadable": backlog.unreadable,
        "entities": len({entity for one in done for entity in one.task.entities}),
        "published": _published(done),
        "replays": [one.as_json() for one in done],
    }
