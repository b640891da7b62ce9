"""``polyglot snapshot``: a stack's records and the digests of all results, to make the same stack elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyglot.cli import JsonOption, help_with
from polyglot.cli.replay import spark
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from runtime.object_store import Place

PANEL = "Data"
PlaceArgument = Annotated[str, typer.Argument(metavar="PLACE", help="A folder, or a URI: file:///… or s3a://…")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=f"Snapshots: Bronze and the digests of all that comes of it.\n\n{EXIT_CODES_HELP}",
        rich_markup_mode="markdown",
    )
    for name, command, example in (
        ("create", create, "polyglot snapshot create s3a://backup/2026-01-05"),
        ("restore", restore, "polyglot snapshot restore s3a://backup/2026-01-05"),
        ("check", check, "polyglot snapshot check s3a://backup/2026-01-05"),
    ):
        group.command(name, help=help_with(command, example))(command)
    app.add_typer(group, name="snapshot", rich_help_panel=PANEL)


def create(place: PlaceArgument, json_output: JsonOption = False) -> None:
    """Save Bronze, the rules, and the digests of all results, after a verification that finds no difference.

    Stop what feeds and run `polyglot drain` first.
    """
    from batch.snapshots import bronze_copy  # noqa: PLC0415 - keeps --help instant
    from batch.snapshots import snapshot_manifest as manifest  # noqa: PLC0415
    from batch.spark.bronze import newest_instant, read_bronze  # noqa: PLC0415
    from operations import snapshots  # noqa: PLC0415
    from operations.releases import pack  # noqa: PLC0415
    from runtime.readers.releases import schedule  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    target = _place(settings, place)
    if target.within(target.path):
        raise CommandError(f"{target.uri} is not empty", code=Exit.USAGE)
    ends = snapshots.raw_ends(settings)
    with _explained():
        snapshots.demand_one_version(schedule(settings), ends)
    with spark(settings, console, "snapshot") as session:
        instant = newest_instant(session, settings.lake_uri)
        found = _verification(settings, console, session)
        if not found["passed"]:
            raise CommandError(
                f"{found['differences']} differences, so there is nothing to save", hint="polyglot verify"
            )
        if newest_instant(session, settings.lake_uri) != instant:
            raise CommandError("Bronze was written to meanwhile", hint="stop what feeds, and: polyglot drain")
        console.info("saving Bronze")
        files, rows = bronze_copy.save(read_bronze(session, settings.lake_uri, instant).inputFiles(), target)
    with target.files.open_output_stream(f"{target.path}/{manifest.RULES}") as out:
        out.write(settings.quality_file.read_bytes())
    saved = manifest.Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=pack(settings).commit,
        contracts=manifest.contracts(),
        quality=snapshots.rules_digest(settings),
        records=rows,
        partitions=snapshots.partitions(ends),
        files=tuple(files),
        days=manifest.days(found["tables"]),
    )
    saved.write(target)
    size = sum(one.bytes for one in files)
    console.result({"place": target.uri, "records": rows, "files": len(files), "bytes": size})
    console.success(f"{rows:,} records, {size / 1e6:,.1f} MB, and the digests of {len(saved.days)} tables' days")


def restore(place: PlaceArgument, json_output: JsonOption = False) -> None:
    """Send a snapshot's records to the raw topics of an empty stack, in the order in which they were.

    Submit the jobs afterwards, drain, and check.
    """
    from batch.snapshots import bronze_copy  # noqa: PLC0415 - keeps --help instant
    from batch.snapshots import snapshot_manifest as manifest  # noqa: PLC0415
    from operations import snapshots  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    source = _place(settings, place)
    with _explained():
        saved = manifest.read(source)
        snapshots.demand_empty_stack(settings, saved, source)
        console.info("checking the files")
        bronze_copy.demand_whole(saved, source)
    with spark(settings, console, "restore") as session:
        sent = bronze_copy.send(session, saved, source, settings.kafka.librdkafka())
    if sent != saved.records:
        raise CommandError(f"{sent:,} of {saved.records:,} records were sent", hint="polyglot down --wipe, and again")
    console.result({"place": source.uri, "records": sent})
    console.success(f"{sent:,} records; go on with: polyglot submit, polyglot drain, polyglot snapshot check {place}")


def check(place: PlaceArgument, json_output: JsonOption = False) -> None:
    """Verify this stack, and compare its digests with a snapshot's. Exits with 1 if anything differs."""
    from batch.snapshots import snapshot_manifest as manifest  # noqa: PLC0415 - keeps --help instant

    settings, console = Settings(), Console(json_output=json_output)
    source = _place(settings, place)
    with _explained():
        saved = manifest.read(source)
    with spark(settings, console, "check") as session:
        found = _verification(settings, console, session)
    lines = manifest.differences(saved.days, manifest.days(found["tables"]))
    console.result({"days": len(saved.days), "different": lines, "differences": found["differences"]})
    for line in lines:
        console.warn(line)
    if lines or not found["passed"]:
        raise CommandError(f"{len(lines)} days differ from the snapshot's, {found['differences']} from the replay's")
    console.success(f"{len(saved.days)} tables' days are the snapshot's, byte for byte")


@contextmanager
def _explained() -> Iterator[None]:
    from batch.snapshots.snapshot_manifest import SnapshotError  # noqa: PLC0415

    try:
        yield
    except SnapshotError as error:
        raise CommandError(str(error), code=Exit.FAILED) from None


def _place(settings: Settings, place: str) -> Place:
    from runtime.object_store import open_place  # noqa: PLC0415

    return open_place(settings, place if "://" in place else Path(place).resolve().as_uri())


def _verification(settings: Settings, console: Console, session: SparkSession) -> dict[str, Any]:
    from batch.ranges import Span  # noqa: PLC0415
    from batch.verifying.report import document  # noqa: PLC0415
    from batch.verifying.result import STORES  # noqa: PLC0415
    from batch.verifying.sources import sources  # noqa: PLC0415
    from batch.verifying.verify import verify  # noqa: PLC0415

    return document(
        verify(session, sources(settings, STORES), Span(), stores=STORES, say=console.info), fail_on_empty=False
    )
