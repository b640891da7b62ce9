"""``polyglot adjust``: adjusted series from corporate actions and daily closes, into topics and stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption
from polyglot.cli._signals import until_stopped
from polyglot.cli.replay import EntityOption, spark
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit
from runtime.quality import rules

if TYPE_CHECKING:
    from batch.corporate_actions.run import Stores

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
    from batch.corporate_actions.run import follow, recompute  # noqa: PLC0415
    from batch.corporate_actions.series import IncompleteError, reached  # noqa: PLC0415 - keeps --help instant
    from batch.publishing.sender import PublishError  # noqa: PLC0415
    from batch.ranges import RangeError, parse_instant  # noqa: PLC0415
    from batch.spark.clickhouse import ClickHouseUnavailableError  # noqa: PLC0415
    from batch.spark.topics import BrokerError  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    try:
        known_us = parse_instant(known_at) if known_at else None
    except RangeError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
    if watch and json_output:
        raise CommandError("--watch has no end, and --json is one document", code=Exit.USAGE)
    stores, quality = _stores(settings), rules(settings)
    try:
        with spark(settings, console, "adjust") as session:

            def run() -> None:
                console.info("computing series")
                _show(console, recompute(session, stores, entity=entity, known_at=known_us, quality=quality))

            follow(lambda: reached(stores.broker), run, _patience(watch))
    except (BrokerError, ClickHouseUnavailableError) as error:
        raise CommandError(str(error), hint="start it with: polyglot up", code=Exit.UNAVAILABLE) from None
    except (IncompleteError, PublishError) as error:
        raise CommandError(str(error), code=Exit.FAILED) from None


def _stores(settings: Settings) -> Stores:
    from batch.corporate_actions.run import Stores  # noqa: PLC0415
    from batch.verifying.sources import sources  # noqa: PLC0415

    found = sources(settings, ("adjusted",) if settings.clickhouse.enabled else ())
    if found.kafka is None:
        raise CommandError("no broker is configured", code=Exit.USAGE)
    return Stores(
        scratch=settings.replays_dir / "adjust",
        broker=found.kafka,
        lake_uri=settings.lake_uri if settings.lake.enabled else None,
        clickhouse=found.clickhouse,
    )


def _patience(seconds: float) -> Callable[[], bool]:
    """Return what waits so long, or until Ctrl-C or SIGTERM, and says whether it is time to stop."""
    if not seconds:
        return lambda: True
    stop = until_stopped()
    return lambda: stop.wait(seconds)


def _show(console: Console, document: dict[str, Any]) -> None:
    counts = {**document["published"], **document["stored"]}
    console.table(["records", "new"], [[name, f"{count:,}"] for name, count in counts.items()])
    for found in document["findings"]:
        console.warn(f"{found['rule']}: {found['entity_id']}, ex date {found['ex_date']}")
    console.result(document)
    new = sum(document["published"].values())
    console.success(f"{new:,} records published" if new else "nothing new")
