"""``polyglot verify``: the proof that stream and batch wrote the same bytes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption
from polyglot.cli.replay import (
    PANEL,
    Engine,
    EntityOption,
    FromOption,
    ToOption,
    VersionsOption,
    asked_span,
    recompute,
    spark,
)
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from batch.ranges import Span
    from batch.verifying.result import Sources

_EXAMPLES = """\
Examples:

    polyglot verify

    polyglot verify --from 2024-08-08 --to 2024-08-09 --report var/report/verify.json

    polyglot verify --entity binance_usdm:BTCUSDT --store normalized --store analytics --limit 5

    polyglot verify --engine both --from 2024-08-08 --to 2024-08-09

    polyglot verify --since last

    polyglot verify --json | jq .differences
"""


class Engines(StrEnum):
    """Whose replays are compared."""

    SPARK = "spark"
    FLINK = "flink"
    BOTH = "both"


class Since(StrEnum):
    """Behind what is compared."""

    LAST = "last"


#: What was restated so shortly before a proof was kept is compared again, µs: clocks differ.
_MARGIN = 60_000_000


@dataclass(frozen=True)
class New:
    """What is new: Bronze's newest commit, the one that the last proof was of, and the days to look at again.

    ``since`` is when it was looked for, µs.
    """

    instant: str
    before: str
    spans: list[Span]
    since: int


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{verify.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(verify)


def verify(
    start: FromOption = None,
    end: ToOption = None,
    entity: EntityOption = None,
    store: Annotated[
        list[str] | None,
        typer.Option(
            help="Only bronze, normalized, low-rate, analytics, deadletters, silver, gold, clickhouse or adjusted "
            "(repeatable)."
        ),
    ] = None,
    since: Annotated[
        Since | None,
        typer.Option(
            help="Only what is new since the last verification that passed; what is found is kept as records."
        ),
    ] = None,
    engine: Annotated[
        Engines, typer.Option(help="Whose replay stores are compared with; both are compared with each other, too.")
    ] = Engines.SPARK,
    limit: Annotated[int, typer.Option(min=0, help="Show at most this many differences per table.")] = 20,
    report: Annotated[
        Path | None, typer.Option(help="Write the JSON report here; default var/report/verify.json.")
    ] = None,
    fail_on_empty: Annotated[
        bool, typer.Option("--fail-on-empty", help="A table with nothing on both sides fails: it proves nothing.")
    ] = False,
    versions: VersionsOption = "",
    json_output: JsonOption = False,
) -> None:
    """Replay Bronze and compare every topic and table with it, byte for byte.

    Run it when everything fed has come through (`polyglot drain`), or bound it with --to. Exits with 1 on any
    difference, and when there was nothing to compare.
    """
    from batch.spark.clickhouse import ClickHouseUnavailableError  # noqa: PLC0415 - keeps --help instant
    from batch.verifying.report import joined  # noqa: PLC0415
    from batch.verifying.result import STORES, StoreError  # noqa: PLC0415
    from batch.verifying.sources import sources  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    stores = tuple(store or STORES)
    if unknown := set(stores) - set(STORES):
        message = f"no store {', '.join(sorted(unknown))}; there are {', '.join(STORES)}"
        raise CommandError(message, code=Exit.USAGE)
    if since and (start or end or entity or store):
        raise CommandError("--since says itself what is compared: all stores, and what is new", code=Exit.USAGE)
    span = asked_span(start, end)
    where = sources(settings, stores, versions)
    try:
        with spark(settings, console, "verify") as session:
            new = _new(settings, console, session, where) if since else None
            run = partial(_verified, settings, console, session, where, engine=engine, stores=stores, limit=limit)
            documents = [run(one, entity, fail_on_empty=fail_on_empty) for one in (new.spans if new else [span])]
    except ClickHouseUnavailableError as error:
        raise CommandError(str(error), hint="start it with: polyglot up", code=Exit.UNAVAILABLE) from None
    except StoreError as error:
        raise CommandError(str(error), code=Exit.UNAVAILABLE) from None

    if not documents:
        _nothing_new(console, engine)
        return
    found = joined(documents)
    if new:
        found["since"] = _kept(settings, found, new)
    target = report or settings.var_dir / "report" / "verify.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    show(console, found)
    if "flink" in found:
        console.info("stores against Flink's replay:")
        show(console, found["flink"])
    _show_parity(console, found.get("engines", []))
    console.result(found)
    console.info(f"report: {target}")
    if not found["passed"]:
        console.error(_verdict(found))
        raise typer.Exit(Exit.FAILED)
    console.success(f"{found['records']:,} replayed records compared, 0 differences")


def _verified(
    settings: Settings,
    console: Console,
    session: SparkSession,
    where: Sources,
    span: Span,
    entity: str | None,
    *,
    engine: Engines,
    stores: tuple[str, ...],
    limit: int,
    fail_on_empty: bool,
) -> dict[str, Any]:
    """Compare the stores with an engine's replay, or with both; return the report."""
    from batch.verifying.engines import compare_replays, merged  # noqa: PLC0415
    from batch.verifying.report import document  # noqa: PLC0415
    from batch.verifying.verify import verify as run  # noqa: PLC0415

    engines = [Engine.SPARK, Engine.FLINK] if engine is Engines.BOTH else [Engine(engine.value)]
    results, parity = {}, []
    for one in engines:
        out = where.scratch / f"replay-{one.value}"
        replayed = None
        if one is Engine.FLINK:
            replayed = recompute(settings, console, session, out, span, entity, one, where.schedule)
        console.info(f"comparing stores with {one.value}'s replay")
        results[one] = run(
            session, where, span, entity, stores=stores, limit=limit, say=console.info, replayed=replayed
        )
    if engine is Engines.BOTH:
        by_spark, by_flink = (results[one].replayed.out for one in engines)
        parity = compare_replays(session, by_spark, by_flink, span, entity, limit=limit)
    return merged({one.value: document(r, fail_on_empty=fail_on_empty) for one, r in results.items()}, parity)


def _new(settings: Settings, console: Console, session: SparkSession, where: Sources) -> New:
    """Find what is new since the last verification that passed."""
    from batch.ranges import Span  # noqa: PLC0415
    from batch.spark.bronze import newest_instant  # noqa: PLC0415
    from batch.spark.topics import Broker  # noqa: PLC0415
    from batch.verifying.since import new_spans  # noqa: PLC0415
    from operations.proofs import last  # noqa: PLC0415
    from runtime.readers.releases import events, restated_days  # noqa: PLC0415

    now = time.time_ns() // 1_000
    instant, before = newest_instant(session, where.lake_uri), last(settings)
    if before is None:
        console.info("nothing was proven yet: comparing everything")
        return New(instant, "", [Span()], now)
    broker = Broker(settings.kafka.librdkafka(), settings.kafka.java())
    restated = restated_days(events(settings), before.proved_at - _MARGIN)
    found = new_spans(session, where.lake_uri, broker, before.instant, restated)
    for span in found:
        console.info(f"new since {before.instant}: {span.as_json()['from']} to {span.as_json()['to']}")
    return New(instant, before.instant, found, now)


def _kept(settings: Settings, found: dict[str, Any], new: New) -> dict[str, Any]:
    """Keep what was found as records; return what the report says of that.

    Raises:
        CommandError: the broker did not take it, or windows were restated meanwhile.
    """
    from operations.proofs import keep  # noqa: PLC0415
    from runtime.readers.releases import events, restated_days  # noqa: PLC0415

    if restated_days(events(settings), new.since):
        raise CommandError("windows were restated while they were compared", hint="polyglot verify --since last")
    proof = keep(settings, found, (new.spans[0].start, new.spans[-1].end), new.instant)
    ranges = [span.as_json() for span in new.spans]
    return {"proof_id": proof, "instant": new.instant, "before": new.before, "ranges": ranges}


def _nothing_new(console: Console, engine: Engines) -> None:
    """Say that there is nothing to compare, in a document of the usual form."""
    nothing = {"records": 0, "differences": 0, "empty": [], "tables": [], "checks": [], "skipped": {}}
    console.result({"passed": True, "engine": engine.value, **nothing, "since": {"ranges": []}})
    console.success("nothing is new since the last verification that passed")


def show(console: Console, found: dict[str, Any]) -> None:
    """Write the tables of a report: one line per table and day, the checks, the differences."""
    lines, styles = [], []
    for table in found["tables"]:
        days = table["days"] or [{"day": "", "replayed": 0, "found": 0, "replay_digest": "", "found_digest": ""}]
        for day in days:
            status = table["status"] if not table["days"] else "equal" if day["equal"] else "different"
            digests = [day["replay_digest"][:12], day["found_digest"][:12]]
            lines.append([table["table"], day["day"], f"{day['replayed']:,}", f"{day['found']:,}", *digests, status])
            styles.append({"different": "bold red", "empty": "yellow"}.get(status))
    columns = ["table", "day", "replayed", "found", "digest of the replay", "digest of the store", "verdict"]
    console.table(columns, lines, title="replay against stores", styles=styles)
    checks = []
    for check in found["checks"]:
        numbers = ", ".join(f"{name} {value}" for name, value in check.items() if name not in ("name", "holds"))
        checks.append([check["name"], "holds" if check["holds"] else "BROKEN", numbers])
    if checks:
        styles = [None if row[1] == "holds" else "bold red" for row in checks]
        console.table(["check", "verdict", "numbers"], checks, title="checks", styles=styles)
    for name, why in found["skipped"].items():
        console.info(f"not compared: {name}: {why}")
    _show_differences(console, found["tables"])


def _show_parity(console: Console, tables: list[dict[str, Any]]) -> None:
    lines, styles = [], []
    for table in tables:
        for one in table["entities"]:
            digests = [one["spark_digest"][:12], one["flink_digest"][:12]]
            verdict = "equal" if one["equal"] else "different"
            lines.append([table["table"], one["entity"], f"{one['spark']:,}", f"{one['flink']:,}", *digests, verdict])
            styles.append(None if one["equal"] else "bold red")
    if lines:
        columns = ["table", "entity", "by Spark", "by Flink", "digest by Spark", "digest by Flink", "verdict"]
        console.table(columns, lines, title="replays against each other", styles=styles)


def _show_differences(console: Console, tables: list[dict[str, Any]]) -> None:
    rows = []
    for table in tables:
        for note in table["notes"]:
            console.info(f"{table['table']}: {note}")
        for sample in table["samples"]:
            fields = sample["fields"]
            # The bytes tell more than the fields only when no field differs.
            shown = {name: both for name, both in fields.items() if name != "value"} or fields
            for name, both in shown.items():
                what = [table["table"], sample["kind"], sample["key"], name]
                rows.append([*what, _cell(both["replay"]), _cell(both["found"])])
    if rows:
        columns = ["table", "difference", "key", "field", "replay", "store"]
        console.table(columns, rows, title="first differences")


def _cell(text: str | None) -> str:
    if text is None:
        return "-"
    return text if len(text) <= 120 else f"{text[:117]}..."


def _verdict(found: dict[str, Any]) -> str:
    if found["differences"]:
        return f"{found['differences']:,} differences"
    if not found["records"]:
        return "nothing was compared: Bronze has no accepted events in this range"
    return f"nothing on both sides of {', '.join(found['empty'])}: that proves nothing"
