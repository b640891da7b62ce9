"""``polyglot replay``: Bronze through the same kernels, by Spark or by Flink."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from polyglot.cli import JsonOption
from polyglot.cli._signals import interrupted_once
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit
from runtime.quality import rules

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from batch.ranges import Span
    from batch.replaying.replay import Replayed
    from schemas.versions import Schedule

PANEL = "Proof"
_EXAMPLES = """\
Examples:

    polyglot replay

    polyglot replay --from 2024-08-08 --to 2024-08-09

    polyglot replay --from 2024-08-08T12:00:00Z --to 2024-08-08T13:00:00Z --entity binance_usdm:BTCUSDT

    polyglot replay --from 2024-08-08 --to 2024-08-09 --publish

    polyglot replay --engine flink --from 2024-08-08 --to 2024-08-09

    polyglot replay --engine flink --source bronze
"""


class Engine(StrEnum):
    """Who recomputes."""

    SPARK = "spark"
    FLINK = "flink"


class Source(StrEnum):
    """Where Flink reads raw records from."""

    AUTO = "auto"
    KAFKA = "kafka"
    BRONZE = "bronze"


FromOption = Annotated[str | None, typer.Option("--from", help="ISO date or instant (UTC), included; default: all.")]
ToOption = Annotated[str | None, typer.Option("--to", help="ISO date or instant (UTC), excluded; default: all.")]
VersionsOption = Annotated[
    str,
    typer.Option(
        "--versions",
        metavar="FILE",
        help="Which versions of behaviour hold where, as `polyglot versions --save` wrote it; 'current': this code's "
        "everywhere. Default: what release.ingestion.v1 says.",
    ),
]
EntityOption = Annotated[str | None, typer.Option(help="Only this entity, e.g. binance_usdm:BTCUSDT.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{replay.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(replay)


def replay(
    start: FromOption = None,
    end: ToOption = None,
    entity: EntityOption = None,
    engine: Annotated[Engine, typer.Option(help="Which engine recomputes the range.")] = Engine.SPARK,
    source: Annotated[
        Source,
        typer.Option(
            help="With Flink, where raw records are read from: from Kafka as far as it has them and else from Bronze, "
            "or all from one of them."
        ),
    ] = Source.AUTO,
    publish: Annotated[
        bool, typer.Option("--publish", help="Also send the records to their topics, with the same keys and bytes.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that each of Flink's jobs may take.")] = 3600.0,
    versions: VersionsOption = "",
    json_output: JsonOption = False,
) -> None:
    """Recompute trades, quotes and bars from Bronze, into var/replay as Parquet.

    The range is event time. Trades and quotes inside it come out, and the bars whose whole window is inside. Spark runs
    the stream's folds over Bronze's files. Flink runs the stream's jobs over the raw log, bounded, into topics of their
    own. Both give the same bytes.
    """
    from batch.publishing.publish import publish as send  # noqa: PLC0415 - keeps --help instant
    from runtime.readers.releases import schedule  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    span = asked_span(start, end)
    if source is not Source.AUTO and engine is Engine.SPARK:
        raise CommandError("--source is of --engine flink: Spark reads Bronze", code=Exit.USAGE)
    out = settings.replays_dir / "replay"
    document: dict[str, object] = {"range": span.as_json(), "entity": entity, "engine": engine.value}
    holds = schedule(settings, versions)
    with spark(settings, console, "replay") as session:
        done = recompute(settings, console, session, out, span, entity, engine, holds, source=source, timeout_s=timeout)
        document |= done.as_json()
        if publish:
            console.info("publishing")
            document["published"] = send(session, done.out, settings.kafka.librdkafka())
    rows = [[kind, f"{count:,}", done.seconds.get(kind, "")] for kind, count in done.records.items()]
    console.table(["kind", "records", "seconds"], rows)
    console.result(document)
    if not any(done.records.values()):
        console.warn("Bronze has no events in this range")
    console.success(f"{done.events:,} events in {done.seconds['total']:.1f} s, records in {out}")


def asked_span(start: str | None, end: str | None) -> Span:
    """Return the range that --from and --to name.

    Raises:
        CommandError: they name none, or one that has not begun.
    """
    from batch.ranges import RangeError, Span  # noqa: PLC0415

    try:
        span = Span.parse(start, end)
        span.demand_begun(time.time_ns() // 1000)
    except RangeError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
    return span


def recompute(
    settings: Settings,
    console: Console,
    session: SparkSession,
    out: Path,
    span: Span,
    entity: str | None,
    engine: Engine,
    holds: Schedule,
    *,
    source: Source = Source.AUTO,
    timeout_s: float = 3600.0,
) -> Replayed:
    """Replay a range by an engine into a folder, each part of it by the versions that hold for it.

    Raises:
        CommandError: Flink cannot tell the versions apart; or nothing is there, and cannot be: the range ends before
            Bronze begins, or it has no such entity.
    """
    from batch.ranges import RangeError  # noqa: PLC0415
    from batch.replaying.emptiness import demand_possible  # noqa: PLC0415
    from batch.replaying.replay import replay as by_spark  # noqa: PLC0415

    console.info(f"replaying Bronze by {engine.value}")
    if engine is Engine.FLINK:
        from operations.flink_replay import replay as by_flink  # noqa: PLC0415

        interrupted_once()
        done = by_flink(
            settings, console, session, out, span, entity, schedule=holds, source=source.value, timeout_s=timeout_s
        )
    else:
        done = by_spark(session, settings.lake_uri, out, span, entity, quality=rules(settings), schedule=holds)
    if not any(done.records.values()):
        try:
            demand_possible(session, settings.lake_uri, span, entity)
        except RangeError as error:
            raise CommandError(str(error), code=Exit.USAGE) from None
    return done


@contextmanager
def spark(settings: Settings, console: Console, name: str) -> Iterator[SparkSession]:
    """Start Spark with this installation's jars; an engine that is missing becomes a message with a hint.

    Raises:
        CommandError: no jars, no Bronze, the counts of a replay do not balance, the stream is not through, the broker
            does not answer or took no record, or Spark could not read something.
    """
    from py4j.protocol import Py4JJavaError  # noqa: PLC0415
    from pyspark.errors import PythonException  # noqa: PLC0415

    from batch.publishing.barrier import PublishBarrierError  # noqa: PLC0415
    from batch.publishing.sender import PublishError  # noqa: PLC0415
    from batch.replaying.replay import BalanceError  # noqa: PLC0415
    from batch.spark.bronze import BronzeError, reason  # noqa: PLC0415
    from batch.spark.session import SparkUnavailableError, spark_session  # noqa: PLC0415
    from batch.spark.topics import BrokerError  # noqa: PLC0415
    from runtime.object_store import hadoop_conf  # noqa: PLC0415

    jars, scratch = settings.cache_dir / "jars" / "spark", settings.var_dir / "spark"
    console.info("starting Spark")
    try:
        app = f"polyglot {name}"
        hadoop = hadoop_conf(settings)
        with spark_session(jars.resolve(), scratch.resolve(), app=app, where=settings.spark, hadoop=hadoop) as session:
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
    except BrokerError as error:
        raise CommandError(str(error), hint="start it with: polyglot up", code=Exit.UNAVAILABLE) from None
    except PublishBarrierError as error:
        raise CommandError(str(error), hint="polyglot drain, then once more", code=Exit.FAILED) from None
    except (BalanceError, PublishError) as error:
        raise CommandError(str(error), code=Exit.FAILED) from None
    except Py4JJavaError as error:  # a file that is broken, most of all: its name says more than Java's stack
        raise CommandError(f"Spark failed: {reason(error)}", code=Exit.FAILED) from error
