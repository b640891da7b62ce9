"""``polyglot replay``: Bronze through the same kernels by Spark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from polyglot.cli import JsonOption
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit
from runtime.quality import rules

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PANEL = "Proof"
_EXAMPLES = """\
Examples:

    polyglot replay

    polyglot replay --from 2024-08-08 --to 2024-08-09

    polyglot replay --from 2024-08-08T12:00:00Z --to 2024-08-08T13:00:00Z --entity binance_usdm:BTCUSDT

    polyglot replay --from 2024-08-08 --to 2024-08-09 --publish
"""

FromOption = Annotated[str | None, typer.Option("--from", help="ISO date or instant (UTC), included; default: all.")]
ToOption = Annotated[str | None, typer.Option("--to", help="ISO date or instant (UTC), excluded; default: all.")]
EntityOption = Annotated[str | None, typer.Option(help="Only this entity, e.g. binance_usdm:BTCUSDT.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{replay.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(replay)


def replay(
    start: FromOption = None,
    end: ToOption = None,
    entity: EntityOption = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Also send the records to their topics, with the same keys and bytes.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Recompute trades, quotes and bars from Bronze with Spark, into var/replay as Parquet.

    The range is event time. Trades and quotes inside it come out, and the bars whose whole window is inside.
    """
    from batch.publishing.publish import publish as send  # noqa: PLC0415 - keeps --help instant
    from batch.ranges import RangeError, Span  # noqa: PLC0415
    from batch.replaying.replay import replay as run  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    try:
        span = Span.parse(start, end)
    except RangeError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
    out = (settings.var_dir / "replay").resolve()
    document: dict[str, object] = {"range": span.as_json(), "entity": entity}
    with spark(settings, console, "replay") as session:
        console.info("replaying Bronze")
        done = run(session, settings.lake_uri, out, span, entity, quality=rules(settings))
        document |= done.as_json()
        if publish:
            console.info("publishing")
            document["published"] = send(session, done.out, settings.kafka.librdkafka())
    console.table(["kind", "records", "seconds"], [[k, f"{n:,}", done.seconds[k]] for k, n in done.records.items()])
    console.result(document)
    if not done.events:
        console.warn("Bronze has no events in this range")
    console.success(f"{done.events:,} events in {done.seconds['total']:.1f} s, records in {out}")


@contextmanager
def spark(settings: Settings, console: Console, name: str) -> Iterator[SparkSession]:
    """Start Spark with this installation's jars; an engine that is missing becomes a message with a hint.

    Raises:
        CommandError: no jars, no Bronze, the counts of a replay do not balance, the stream is not through, the broker
            took no record, or Spark could not read something.
    """
    from py4j.protocol import Py4JJavaError  # noqa: PLC0415
    from pyspark.errors import PythonException  # noqa: PLC0415

    from batch.publishing.barrier import PublishBarrierError  # noqa: PLC0415
    from batch.publishing.publish import PublishError  # noqa: PLC0415
    from batch.replaying.replay import BalanceError  # noqa: PLC0415
    from batch.spark.bronze import BronzeError, reason  # noqa: PLC0415
    from batch.spark.session import SparkUnavailableError, spark_session  # noqa: PLC0415

    jars, scratch = settings.cache_dir / "jars" / "spark", settings.var_dir / "spark"
    console.info("starting Spark")
    try:
        with spark_session(jars.resolve(), scratch.resolve(), app=f"polyglot {name}") as session:
            yield session
    except SparkUnavailableError as error:
        raise CommandError(str(error), code=Exit.MISSING) from None
    except PythonException as error:
        stop = [line.split("QualityStop: ", 1)[1] for line in str(error).splitlines() if "QualityStop: " in line]
        if not stop:
            raise
        raise CommandError(stop[0], code=Exit.FAILED) from None
    except BronzeError as error:
        hint = "Bronze is written by the ingest job: polyglot submit ingest, then feed something and drain"
        raise CommandError(str(error), hint=hint, code=Exit.UNAVAILABLE) from None
    except PublishBarrierError as error:
        raise CommandError(str(error), hint="polyglot drain, then once more", code=Exit.FAILED) from None
    except (BalanceError, PublishError) as error:
        raise CommandError(str(error), code=Exit.FAILED) from None
    except Py4JJavaError as error:  # a file that is broken, most of all: its name says more than Java's stack
        raise CommandError(f"Spark failed: {reason(error)}", code=Exit.FAILED) from error
