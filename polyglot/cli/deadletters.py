"""``polyglot deadletters ls``, ``show`` and ``redrive``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption, help_with
from polyglot.cli.replay import spark
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit

if TYPE_CHECKING:
    from operations.dead_letters.listing import DeadLetterEntry, Filter
    from operations.dead_letters.redrive import Known
    from udfs.ingest.conflicts import LogPosition

PANEL = "Data"
DomainOption = Annotated[str, typer.Option(help="Only letters of this domain: ingestion or normalization.")]
ReasonOption = Annotated[str, typer.Option(help="Only this reason, or its first part: quality, quality.crossed.")]
EntityOption = Annotated[str, typer.Option(help="Only this entity, e.g. binance_usdm:BTCUSDT.")]
SinceOption = Annotated[str, typer.Option(help="Only event times from this ISO date or instant (UTC) on.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=f"Rejected records: count them, look at them, send them again after a fix.\n\n{EXIT_CODES_HELP}",
        rich_markup_mode="markdown",
    )
    for name, command, examples in (
        ("ls", ls, "polyglot deadletters ls\n\npolyglot deadletters ls --reason quality --since 2026-01-05 --json"),
        ("show", show, "polyglot deadletters show sim:BTCUSDT:trade:17"),
        (
            "redrive",
            redrive,
            "polyglot deadletters redrive --reason quality.price_range --dry-run\n\n"
            "polyglot deadletters redrive sim:BTCUSDT:trade:17",
        ),
    ):
        group.command(name, help=help_with(command, *examples.split("\n\n")))(command)
    app.add_typer(group, name="deadletters", rich_help_panel=PANEL)


def _filter(domain: str, reason: str, entity: str, since: str, ids: list[str] | None = None) -> Filter:
    from batch.ranges import RangeError, parse_instant  # noqa: PLC0415 - keeps --help instant
    from operations.dead_letters.listing import Filter  # noqa: PLC0415

    try:
        return Filter(domain, reason, entity, parse_instant(since) if since else None, tuple(ids or ()))
    except RangeError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None


def ls(
    domain: DomainOption = "",
    reason: ReasonOption = "",
    entity: EntityOption = "",
    since: SinceOption = "",
    limit: Annotated[int, typer.Option(min=0, help="Also list the last so many letters.")] = 10,
    json_output: JsonOption = False,
) -> None:
    """Count the dead letters by reason and topic, and list the last ones."""
    from operations.dead_letters.listing import counted, dead_letters, when  # noqa: PLC0415

    console = Console(json_output=json_output)
    found = dead_letters(Settings(), _filter(domain, reason, entity, since))
    groups = counted(found)
    console.table(
        ["domain", "reason", "topic", "count", "first", "last"],
        [[g["domain"], g["reason"], g["topic"], f"{g['count']:,}", g["first"], g["last"]] for g in groups],
        title="by reason and topic",
    )
    last = sorted(found, key=lambda letter: letter.event_time)[-limit:] if limit else []
    rows = [[one.dead_letter_id, one.reason, one.entity_id, when(one.event_time), one.detail] for one in last]
    if rows:
        console.table(["id", "reason", "entity", "event time", "detail"], rows, title="the last ones")
    listed = [{"id": row[0], "reason": row[1], "entity": row[2], "time": row[3], "detail": row[4]} for row in rows]
    console.result({"count": len(found), "groups": groups, "dead_letters": listed})


def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `polyglot deadletters ls` lists it.")],
    json_output: JsonOption = False,
) -> None:
    """Show one dead letter: why, by which contract, and the record it rejected, decoded and in its original bytes.

    Of a conflict both contents: the copy that was rejected, and the first one, from its raw topic or from Bronze.
    """
    from operations.dead_letters.listing import dead_letters  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    found = []
    for letter in dead_letters(settings, _filter("", "", "", "", [letter_id])):
        first = _first_copy(settings, console, letter)
        found.append({**letter.document(), **({"first_copy": first} if first else {})})
    for document in found:
        for name, value in document.items():
            console.text(f"{name}: {json.dumps(value, indent=2) if isinstance(value, dict) else value}")
    console.result(found)


def _first_copy(settings: Settings, console: Console, letter: DeadLetterEntry) -> dict[str, Any] | None:
    """Return the other content of a conflict, where it lies and from where it was read; None for other dead letters."""
    from operations.dead_letters.listing import readable  # noqa: PLC0415
    from runtime.readers.conflicts import first_copy, first_position  # noqa: PLC0415

    place = first_position(asdict(letter))
    if place is None:
        return None
    value, source = first_copy(settings, asdict(letter)), "kafka"
    if value is None:
        console.info(f"{place.topic} does not have the first copy any more; looking in Bronze")
        value, source = _from_bronze(settings, console, place), "bronze"
    if value is None:
        query = f"topic = '{place.topic}' AND kafka_partition = {place.partition} AND kafka_offset = {place.offset}"
        console.warn(f"the first copy is in neither; Bronze would have it under: {query}")
    shown = readable(value) if value is not None else {"envelope": None, "record_hex": None}
    return {**place._asdict(), "found_in": source if value is not None else None, **shown}


def _from_bronze(settings: Settings, console: Console, place: LogPosition) -> bytes | None:
    """Look up a record that retention has cut; None when it is not there, or Bronze cannot be read here."""
    from batch.spark.bronze import envelope_at, read_bronze  # noqa: PLC0415

    try:
        with spark(settings, console, "deadletters") as session:
            return envelope_at(read_bronze(session, settings.lake_uri), *place)
    except CommandError as error:
        console.warn(f"Bronze cannot be read: {error}")
        return None


def redrive(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="These letters; default: all.")] = None,
    reason: ReasonOption = "",
    entity: EntityOption = "",
    since: SinceOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Send rejected records again, so that the jobs judge them by today's code and rules.

    Run `polyglot drain` before it: Bronze must know the records. Each copy is a new raw record; the dead letter of its
    original stays, here and in every replay. Those of the ingestion domain are no records and cannot be sent again;
    nor can those about time (what came too late is for `polyglot amend`), and none twice.
    """
    from operations.dead_letters.listing import dead_letters  # noqa: PLC0415
    from operations.dead_letters.redrive import copies, send  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    if not (ids or reason or entity or since):
        raise CommandError("say which letters: ids, --reason, --entity or --since", code=Exit.USAGE)
    found = dead_letters(settings, _filter("", reason, entity, since, ids))
    ready, skipped = copies(found, _known(settings, console, found))
    sent = 0 if dry_run or not ready else send(settings, ready)
    console.table(["record", "sent as", "was rejected for"], [[c.original_id, c.event_id, c.reason] for c in ready])
    if skipped:
        console.table(["not sent", "why"], [[one.dead_letter_id, one.why] for one in skipped])
    document = [{"id": c.original_id, "sent_as": c.event_id, "topic": c.topic, "reason": c.reason} for c in ready]
    console.result({"dry_run": dry_run, "sent": sent, "copies": document, "skipped": [asdict(one) for one in skipped]})
    verb = f"{len(ready)} records would be sent" if dry_run else f"{sent} records sent again"
    console.success(f"{verb}, {len(skipped)} cannot be")


def _known(settings: Settings, console: Console, found: list[DeadLetterEntry]) -> Known:
    """Ask Bronze."""
    from batch.replaying.redrive_verdicts import amended_events, newest_ingest_times, redriven  # noqa: PLC0415
    from batch.spark.bronze import read_bronze  # noqa: PLC0415
    from operations.dead_letters.redrive import Known  # noqa: PLC0415

    if not found:
        return Known({})
    with spark(settings, console, "redrive") as session:
        bronze = read_bronze(session, settings.lake_uri)
        newest = newest_ingest_times(bronze, sorted({(letter.topic, letter.entity_id) for letter in found}))
        sent = redriven(bronze)
        return Known(newest, sent.ids, sent.digests, amended_events(bronze))
