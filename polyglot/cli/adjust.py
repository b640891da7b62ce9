"""``polyglot adjust``: adjusted series from corporate actions and daily closes, into topics and stores."""

from __future__ import annotations

import signal
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption
from polyglot.cli.replay import EntityOption, spark
from polyglot.config import Settings
from polyglot.console import EXIT_CODES_HELP, CommandError, Console, Exit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from batch.clickhouse import Endpoint
    from batch.topics import Broker

PANEL = "Data"
_EXAMPLES = """\
Examples:

    polyglot adjust

    polyglot adjust --entity reference:CALM

    polyglot adjust --known-at 2024-05-01T12:00:00Z

    polyglot adjust --watch 5
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{adjust.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(adjust)


def adjust(
    entity: EntityOption = None,
    known_at: Annotated[
        str | None, typer.Option(help="Publish the versions of that time (ISO, UTC): only what was known then.")
    ] = None,
    watch: Annotated[
        float, typer.Option(min=0, help="Stay, and look for new reference data every so many seconds (0: once).")
    ] = 0.0,
    json_output: JsonOption = False,
) -> None:
    """Recompute adjusted closes and publish what has changed: first results, and restatements as higher versions.

    Run it after new closes, new actions or corrections have come through (`polyglot drain`), or leave it running with
    --watch: then whatever comes in restates what it changes. A run that finds nothing new publishes nothing. The lake's
    and ClickHouse's tables are brought to what the topics say.
    """
    from batch.adjust import IncompleteError  # noqa: PLC0415 - keeps --help instant
    from batch.clickhouse import ClickHouseUnavailableError  # noqa: PLC0415
    from batch.publish import PublishError  # noqa: PLC0415
    from batch.ranges import RangeError, parse_instant  # noqa: PLC0415
    from batch.topics import BrokerError  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    try:
        known_us = parse_instant(known_at) if known_at else None
    except RangeError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
    if watch and json_output:
        raise CommandError("--watch has no end, and --json is one document", code=Exit.USAGE)
    try:
        with spark(settings, console, "adjust") as session:
            _follow(session, settings, console, entity, known_us, watch)
    except (BrokerError, ClickHouseUnavailableError) as error:
        raise CommandError(str(error), hint="start it with: polyglot up", code=Exit.UNAVAILABLE) from None
    except (IncompleteError, PublishError) as error:
        raise CommandError(str(error), code=Exit.FAILED) from None


def _follow(
    session: SparkSession, settings: Settings, console: Console, entity: str | None, known_us: int | None, watch: float
) -> None:
    from batch.adjust import follow, reached  # noqa: PLC0415
    from polyglot.cli.verify import sources  # noqa: PLC0415

    places, stop = sources(settings), Event()
    if places.kafka is None or places.clickhouse is None:
        raise CommandError("adjust needs a broker and ClickHouse", code=Exit.USAGE)
    broker, endpoint = places.kafka, places.clickhouse
    if watch:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())

    def run() -> None:
        _show(console, _run(session, settings, console, broker, endpoint, entity, known_us))

    follow(lambda: reached(broker), run, lambda: not watch or stop.wait(watch))


def _run(
    session: SparkSession,
    settings: Settings,
    console: Console,
    broker: Broker,
    endpoint: Endpoint,
    entity: str | None,
    known_us: int | None,
) -> dict[str, Any]:
    from batch import adjust as series  # noqa: PLC0415
    from batch import adjust_stores as stores  # noqa: PLC0415
    from batch.bronze import table_exists  # noqa: PLC0415
    from udfs.adjust import BAR  # noqa: PLC0415

    out = (settings.var_dir / "adjust").resolve()
    console.info("computing series")
    actions, closes = series.inputs(session, broker)
    series.compute(session, actions, closes, out / "results", entity=entity, known_at=known_us)
    document: dict[str, Any] = {"published": series.publish(session, broker, out / "results"), "stored": {}}
    document["findings"] = series.findings(session, out / "results")
    console.info("bringing the stores up to date")
    if settings.lake.enabled:
        for kind, table in stores.TABLES.items():
            exists = table_exists(session, f"{settings.lake_uri}/{table}")
            rows = series.published(session, broker, kind)
            document["stored"][table] = stores.upsert(session, settings.lake_uri, kind, rows, exists=exists)
    if settings.clickhouse.enabled:
        rows = series.published(session, broker, BAR)
        document["stored"][stores.HISTORY] = stores.insert(session, endpoint, rows, out)
    return document


def _show(console: Console, document: dict[str, Any]) -> None:
    counts = {**document["published"], **document["stored"]}
    console.table(["records", "new"], [[name, f"{count:,}"] for name, count in counts.items()])
    for found in document["findings"]:
        console.warn(f"{found['rule']}: {found['entity_id']}, ex date {found['ex_date']}")
    console.result(document)
    new = sum(document["published"].values())
    console.success(f"{new:,} records published" if new else "nothing new")
