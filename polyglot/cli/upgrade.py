"""``polyglot plan``, ``apply``, ``rescale``, ``rollback``, ``restore``, ``savepoint`` and ``history``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from polyglot.cli import JsonOption, help_with
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit

if TYPE_CHECKING:
    from operations.releases import Release
    from operations.upgrade.apply import Wish

PANEL = "Upgrades"

NamesArgument = Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Default: all that run.")]
WidthOption = Annotated[int, typer.Option("--parallelism", min=0, help="Of each job; 0: as it is.")]
DropOption = Annotated[
    list[str] | None,
    typer.Option("--drop-state", metavar="UID", help="Give up the state of this operator (repeatable)."),
]
WatchOption = Annotated[float, typer.Option("--watch", help="Seconds to watch the new version before it is kept.")]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Print the `flink` calls that this comes to; do nothing.")
]


EffectiveOption = Annotated[
    str,
    typer.Option(
        "--effective-from",
        metavar="TIME",
        help="Newer versions of behaviour hold for windows that start at or after this ISO date or instant (UTC), or "
        "'earliest'. Default: the midnight behind all that is published.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command, examples in (
        (plan, "polyglot plan\n\npolyglot plan --json"),
        (apply, "polyglot apply\n\npolyglot apply --watch 120\n\npolyglot apply --effective-from 2026-01-05T14:00"),
        (rescale, "polyglot rescale normalize 2"),
        (rollback, "polyglot rollback\n\npolyglot rollback --to 5f2c9ab01d3e"),
        (restore, "polyglot restore --last-checkpoint\n\npolyglot restore analytics --from PATH"),
        (savepoint, "polyglot savepoint\n\npolyglot savepoint normalize --stop"),
        (render, "polyglot render normalize --state s3://bucket/flink\n\npolyglot render ingest --standalone"),
        (history, "polyglot history\n\npolyglot history --json"),
    ):
        app.command(rich_help_panel=PANEL, help=help_with(command, *examples.split("\n\n")))(command)


def plan(
    names: NamesArgument = None,
    parallelism: WidthOption = 0,
    drop: DropOption = None,
    effective: EffectiveOption = "",
    json_output: JsonOption = False,
) -> None:
    """Show what `apply` would change: code, contracts, rules, parallelism, and what becomes of each job's state."""
    from operations.cutovers import planned as cut_over  # noqa: PLC0415
    from operations.cutovers import where  # noqa: PLC0415
    from operations.releases import pack  # noqa: PLC0415
    from operations.upgrade.apply import client_of, planned  # noqa: PLC0415
    from operations.upgrade.plan import lines  # noqa: PLC0415
    from runtime.flink_rest import FlinkRest  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    wish = _since(_wish(settings, "plan", pack(settings), names, parallelism, drop or (), 0), effective)
    with FlinkRest(settings.flink.url) as rest, client_of(settings, wish) as client:
        found = planned(settings, rest, wish, client)
    _, new = cut_over(settings, wish.release, wish.names, wish.cut, {})
    versions = [[f"{one['family']}: version", "", f"{one['version']} {where(one)}"] for one in new]
    console.table(["what", "runs", "would run"], [*lines(found), *versions])
    console.result(
        {
            "nothing": found.nothing,
            "before": found.before.id if found.before else None,
            "after": found.after.id,
            "files": found.files,
            "parallelism": found.widths,
            "refused": found.refused,
            "versions": [{"family": one["family"], "version": one["version"], "where": where(one)} for one in new],
        }
    )
    if found.refused:
        raise CommandError("apply would refuse this", hint="nothing was changed")


def apply(
    names: NamesArgument = None,
    parallelism: WidthOption = 0,
    drop: DropOption = None,
    watch: WatchOption = 60.0,
    effective: EffectiveOption = "",
    explain: ExplainOption = False,
    json_output: JsonOption = False,
) -> None:
    """Upgrade the jobs to the code and rules that are here: savepoint, start, health check; keep it, or roll back."""
    from operations.releases import pack  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    wish = _since(_wish(settings, "apply", pack(settings), names, parallelism, drop or (), watch), effective)
    _carry_out(settings, console, wish, explain=explain)


def rescale(
    job: Annotated[str, typer.Argument(metavar="JOB")],
    parallelism: Annotated[int, typer.Argument(metavar="N", min=1)],
    watch: WatchOption = 60.0,
    explain: ExplainOption = False,
    json_output: JsonOption = False,
) -> None:
    """Run a job N wide, from a savepoint, with the release that it runs now."""
    from operations.releases import packed  # noqa: PLC0415
    from operations.runs import known  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    _known_jobs([job])
    release = packed(settings, known(settings, job).release or "none")
    _carry_out(settings, console, _wish(settings, "rescale", release, [job], parallelism, (), watch), explain=explain)


def rollback(
    names: NamesArgument = None,
    to: Annotated[str, typer.Option(help="A release of the history; default: the one before this.")] = "",
    watch: WatchOption = 60.0,
    explain: ExplainOption = False,
    json_output: JsonOption = False,
) -> None:
    """Go back to an earlier release, from a savepoint of now; nothing that was processed meanwhile is undone."""
    from operations.releases import packed  # noqa: PLC0415
    from operations.upgrade import history as past  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    kept = [one for one in past.history(settings) if one.outcome == past.KEPT and one.release != one.before]
    if not to and not kept:
        raise CommandError("no upgrade was kept, so there is nothing to go back to", hint="polyglot history")
    release = packed(settings, to or kept[-1].before)
    _carry_out(settings, console, _wish(settings, "rollback", release, names, 0, (), watch), explain=explain)


def restore(
    names: Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Default: all.")] = None,
    origin: Annotated[str, typer.Option("--from", help="A checkpoint or savepoint of one job.")] = "",
    last_checkpoint: Annotated[
        bool, typer.Option("--last-checkpoint", help="The newest checkpoint or savepoint of each.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Cancel jobs if they run, and start them from a checkpoint or savepoint; what they did since is done again."""
    from operations.jobs import JOBS  # noqa: PLC0415
    from operations.lifecycle import submit  # noqa: PLC0415
    from operations.runs import latest_checkpoint  # noqa: PLC0415
    from operations.upgrade import history as past  # noqa: PLC0415
    from operations.upgrade.apply import cancel  # noqa: PLC0415
    from runtime.flink_rest import FlinkRest  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    wanted = names or list(JOBS)
    _known_jobs(wanted)
    if bool(origin) == last_checkpoint:
        raise CommandError("say from where: --from PATH, or --last-checkpoint", code=Exit.USAGE)
    if origin and len(wanted) != 1:
        raise CommandError("a savepoint belongs to one job: name it", code=Exit.USAGE)
    with past.alone(settings), FlinkRest(settings.flink.url) as rest:
        if empty := [name for name in wanted if not (origin or latest_checkpoint(settings, name))]:
            raise CommandError(
                f"{', '.join(empty)} has left no checkpoint and no savepoint",
                hint="polyglot submit --fresh begins anew",
            )
        cancel(rest, [one for one in rest.jobs(live=True) if one.name in wanted])
        done = submit(settings, console, wanted, from_savepoint=origin)
    console.table(["job", "id", "restored from"], [[one.name, one.job_id, one.restored_from] for one in done])
    console.result([vars(one) for one in done])


def savepoint(
    names: NamesArgument = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the jobs with it.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Save the state of jobs, all at once; they run on, unless they are to stop."""
    from operations.lifecycle import savepoints  # noqa: PLC0415
    from operations.upgrade import history as past  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    with past.alone(settings):
        found = savepoints(settings, _running(settings, names), stop=stop)
    console.table(["job", "savepoint"], list(found.items()))
    console.result(found)


def render(
    job: Annotated[str, typer.Argument(metavar="JOB")],
    state: Annotated[str, typer.Option(help="URI below which checkpoints and savepoints are kept.")] = "",
    image: Annotated[str, typer.Option(help="The image with this code.")] = "polyglot-flink:2.2.1",
    savepoint: Annotated[str, typer.Option(help="Where the first deployment starts from.")] = "",
    standalone: Annotated[bool, typer.Option("--standalone", help="Calls of Flink's own scripts instead.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Print what runs a job as a cluster of its own: a FlinkDeployment for Kubernetes, or calls of Flink's scripts."""
    import yaml  # noqa: PLC0415

    from operations.upgrade import render as rendered  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    _known_jobs([job])
    if standalone:
        lines = rendered.standalone(settings, job, savepoint=savepoint)
        for line in lines:
            console.text(line)
        console.result(lines)
        return
    if not state:
        raise CommandError("pods keep no state: say where it is kept, --state URI", code=Exit.USAGE)
    document = rendered.kubernetes(settings, job, image=image, state=state, savepoint=savepoint)
    console.text(yaml.safe_dump(document, sort_keys=False).rstrip())
    console.result(document)


def history(json_output: JsonOption = False) -> None:
    """List what was applied here, newest last: releases, savepoints, and whether it was kept."""
    from operations.upgrade import history as past  # noqa: PLC0415

    console, found = Console(json_output=json_output), past.history(Settings())
    console.table(
        ["number", "at", "action", "before", "release", "commit", "outcome"],
        [[str(a.number), a.at, a.action, a.before, a.release, a.commit, a.outcome] for a in found],
    )
    console.result([vars(one) for one in found])


def _wish(
    settings: Settings,
    action: str,
    release: Release,
    names: Sequence[str] | None,
    parallelism: int,
    drop: Sequence[str],
    watch_s: float,
) -> Wish:
    from operations.upgrade.apply import Wish  # noqa: PLC0415

    chosen = _running(settings, names)
    widths = dict.fromkeys(chosen, parallelism) if parallelism else {}
    return Wish(action, release, tuple(chosen), widths, tuple(drop), watch_s)


def _since(wish: Wish, effective: str) -> Wish:
    """Return the wish with the time from which newer versions hold."""
    from dataclasses import replace  # noqa: PLC0415

    from batch.ranges import RangeError, parse_instant  # noqa: PLC0415
    from operations.cutovers import EARLIEST  # noqa: PLC0415

    if not effective or effective == EARLIEST:
        return replace(wish, earliest=effective == EARLIEST)
    try:
        return replace(wish, since=parse_instant(effective))
    except RangeError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None


def _known_jobs(names: Sequence[str]) -> None:
    from operations.jobs import JOBS  # noqa: PLC0415

    if unknown := sorted(set(names) - set(JOBS)):
        raise CommandError(f"no such job: {', '.join(unknown)}", hint=f"Jobs: {', '.join(JOBS)}", code=Exit.USAGE)


def _running(settings: Settings, names: Sequence[str] | None) -> list[str]:
    from operations.jobs import JOBS  # noqa: PLC0415
    from runtime.flink_rest import FlinkRest  # noqa: PLC0415

    if names:
        _known_jobs(names)
        return list(names)
    with FlinkRest(settings.flink.url) as rest:
        live = {job.name for job in rest.jobs(live=True)}
    if not live & set(JOBS):
        raise CommandError("no job runs", hint="polyglot submit", code=Exit.UNAVAILABLE)
    return [name for name in JOBS if name in live]


def _carry_out(settings: Settings, console: Console, wish: Wish, *, explain: bool) -> None:
    from operations.upgrade.apply import apply as carry_out  # noqa: PLC0415
    from operations.upgrade.explain import calls  # noqa: PLC0415
    from polyglot.cli._signals import interrupted_once  # noqa: PLC0415

    if explain:
        found = calls(settings, wish)
        for line in found:
            console.text(line)
        console.result(found)
        return
    interrupted_once()  # what is stopped must run again
    done = carry_out(settings, console, wish)
    console.table(["job", "savepoint"], list(done.savepoints.items()))
    console.success(f"kept release {wish.release.id}; the jobs paused for {done.pause_s:.1f} s")
    console.result({"release": wish.release.id, "pause_s": round(done.pause_s, 1), "savepoints": dict(done.savepoints)})
