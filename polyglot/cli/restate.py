"""``polyglot restate``: published windows are computed anew by another version of their formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from polyglot.cli import JsonOption
from polyglot.cli.replay import PANEL, spark
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit
from runtime.quality import rules

if TYPE_CHECKING:
    from batch.ranges import Span
    from operations.releases import Release

FAMILY, JOB = "bar", "analytics"
_EXAMPLES = """\
Examples:

    polyglot restate --from 2026-01-05 --to 2026-01-06 --to-version 2

    polyglot restate --from 2026-01-05T10:00 --to 2026-01-05T11:00 --to-version 1
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{restate.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(restate)


def restate(
    start: Annotated[str, typer.Option("--from", help="Start of windows: ISO date or instant (UTC), included.")],
    end: Annotated[str, typer.Option("--to", help="Start of windows: ISO date or instant (UTC), excluded.")],
    version: Annotated[int, typer.Option("--to-version", min=1, help="Of `bar` in schemas/versions.toml.")],
    watch: Annotated[float, typer.Option("--watch", help="Seconds to watch the restarted job.")] = 20.0,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for Bronze.")] = 900.0,
    json_output: JsonOption = False,
) -> None:
    """Compute the bars of windows that start in a range anew, by another version, and publish them as corrections.

    That the version holds for them is recorded in release.ingestion.v1, and the analytics job is started again from a
    savepoint, so that late events correct these windows by the same version. Then a replay publishes the bars. Doing it
    once more, after an error too, goes on with what was recorded.
    """
    from batch.repair.restatement import recompute  # noqa: PLC0415 - keeps --help instant
    from operations.drain import await_bronze  # noqa: PLC0415
    from runtime.readers.releases import schedule  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    span = _span(start, end)
    release = _release(settings, version)
    recorded = _record(settings, release, span, version)
    console.info("recorded" if recorded else "recorded before")
    _take_up(settings, console, release, watch)
    await_bronze(settings, console, timeout)
    scratch = (settings.var_dir / "restate").resolve()
    kafka, holds = settings.kafka.librdkafka(), schedule(settings)
    with spark(settings, console, "restate") as session:
        console.info("replaying Bronze")
        sent = recompute(session, settings.lake_uri, scratch, kafka, span, holds, rules(settings))
    console.result({"range": span.as_json(), "version": version, "recorded": recorded, "published": sent})
    console.success(f"{sent:,} bars published by version {version}")


def _span(start: str, end: str) -> Span:
    from batch.ranges import RangeError, Span  # noqa: PLC0415

    try:
        return Span.parse(start, end)
    except RangeError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None


def _release(settings: Settings, version: int) -> Release:
    """Return the release that computes bars.

    Raises:
        CommandError: it is not known, or does not have the version.
    """
    from operations.releases import packed  # noqa: PLC0415
    from operations.runs import known  # noqa: PLC0415
    from schemas.versions import families, families_of  # noqa: PLC0415

    found = packed(settings, known(settings, JOB).release or "none")
    have = set(families_of(found.folder)[FAMILY].versions) & set(families()[FAMILY].versions)
    if version not in have:
        raise CommandError(
            f"there is no version {version} of {FAMILY}; release {found.id} and this code have "
            f"{', '.join(map(str, sorted(have)))}",
            hint="release it first: polyglot apply",
            code=Exit.USAGE,
        )
    return found


def _record(settings: Settings, release: Release, span: Span, version: int) -> bool:
    """Record that the version holds, unless that is the last thing that was recorded; return whether it was now."""
    from operations.cutovers import record, restatement  # noqa: PLC0415
    from operations.upgrade.history import alone  # noqa: PLC0415
    from runtime.readers.releases import events, held  # noqa: PLC0415

    assert span.start is not None and span.end is not None  # noqa: S101, PT018 - both options are required
    new = restatement(release, FAMILY, version, span.start, span.end)
    with alone(settings):
        mine = [held(one) for one in events(settings) if one["restated"]]
        if mine and mine[-1] == held(new):
            return False
        record(settings, [new])
    return True


def _take_up(settings: Settings, console: Console, release: Release, watch: float) -> None:
    """Start the job again from a savepoint, if it runs: a job has the versions that held when it was started."""
    from operations.upgrade.apply import Wish, apply  # noqa: PLC0415
    from polyglot.cli._signals import interrupted_once  # noqa: PLC0415
    from runtime.flink_rest import FlinkRest  # noqa: PLC0415

    with FlinkRest(settings.flink.url) as rest:
        if rest.job(JOB) is None:
            console.warn(f"{JOB} does not run; it takes the versions up when it is submitted")
            return
    interrupted_once()
    apply(settings, console, Wish("restate", release, (JOB,), {}, watch_s=watch))
