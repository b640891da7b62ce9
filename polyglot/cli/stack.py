"""``polyglot build``, ``up``, ``down``, ``status``, ``doctor`` and ``topics``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from polyglot.cli import JsonOption, help_with
from runtime.config import Settings, settings
from runtime.console import Console, Exit

if TYPE_CHECKING:
    from operations.attention import Attention

PANEL = "Local stack"


def register(app: typer.Typer) -> None:
    """Add the stack's commands."""
    for command, examples in (
        (build, "polyglot build"),
        (
            up,
            "polyglot up\n\npolyglot up --only kafka --only flink\n\npolyglot up --with repair --with metrics",
        ),
        (down, "polyglot down\n\npolyglot down --wipe"),
        (status, "polyglot status\n\npolyglot status --json | jq .components"),
        (doctor, "polyglot doctor"),
        (topics, "polyglot topics\n\npolyglot topics --apply\n\npolyglot topics --json"),
    ):
        app.command(rich_help_panel=PANEL, help=help_with(command, *examples.split("\n\n")))(command)


def build(json_output: JsonOption = False) -> None:
    """Fetch the third-party jars and build the connectors; nothing is done twice.

    `up` does this by itself where it is needed.
    """
    from runtime.maven import build_connectors, fetch_jars  # noqa: PLC0415 - keeps --help instant

    conf, console = settings(), Console(json_output=json_output)
    with console.progress("build") as tracker:
        tracker.describe("third-party jars")
        fetched = fetch_jars(conf)
        tracker.describe("connectors")
        built = build_connectors(conf)
    console.result({"fetched_jars": fetched, "built_connectors": built})
    console.success("jars and connectors are " + ("ready" if fetched or built else "up to date"))


def up(
    only: Annotated[
        list[str] | None, typer.Option(help="Start only this: kafka, flink, clickhouse or redis (repeatable).")
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option("--with", help="Start this, too: s3, repair, adjust, maintenance or metrics (repeatable)."),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until everything answers.")] = 120.0,
    with_build: Annotated[
        bool, typer.Option("--build/--no-build", help="Fetch missing jars and rebuild changed connectors first.")
    ] = True,
    json_output: JsonOption = False,
) -> None:
    """Start the local stack and wait until every service answers.

    What runs already is left alone. One background process stays behind and restarts whatever dies. `repair` and
    `adjust` restate bars and adjusted series without an operator, `maintenance` keeps the lake's tables in shape,
    `metrics` serves `polyglot metrics`; settings start them, too (repair.enabled …). `s3` is an object store for a new
    stack's lake; from then on this stack has it always.
    """
    from devstack.local.control import up as start  # noqa: PLC0415 - keeps --help instant
    from devstack.local.s3_server import move_lake  # noqa: PLC0415
    from devstack.local.status import collect  # noqa: PLC0415

    conf, console = settings(), Console(json_output=json_output)
    if "s3" in (more or ()):
        conf = move_lake(conf)
    seconds = start(conf, console, only=only or (), more=more or (), timeout_s=timeout, build=with_build)
    found = collect(conf, only or ())
    console.table(["component", "url", "version"], [[one.name, one.url, one.version] for one in found])
    console.result({"seconds": round(seconds, 1), "components": [one.document() for one in found]})
    console.success(f"up in {seconds:.0f} s; stop it with: polyglot down")


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Also delete the stack's data (topics, tables, logs).")] = False,
    json_output: JsonOption = False,
) -> None:
    """Stop the local stack, and leave no process and no open port behind.

    Data stay for the next `up` unless --wipe is given.
    """
    from devstack.local.control import down as stop  # noqa: PLC0415

    console = Console(json_output=json_output)
    ran = stop(settings(), console, wipe=wipe)
    console.result({"was_running": ran, "wiped": wipe})
    console.success("stopped" if ran else "nothing was running")


def status(json_output: JsonOption = False) -> None:
    """Show each service's health, the state and lag of the jobs, open repair requests, late and amended events.

    Exits with 0 if everything is healthy, 1 if something is not or a job has failed, 3 if nothing runs.
    """
    from devstack.local.status import Health, collect, collect_jobs  # noqa: PLC0415
    from operations.lag import collect_groups  # noqa: PLC0415
    from runtime.flink_rest import TROUBLED, FlinkRest  # noqa: PLC0415

    conf, console = settings(), Console(json_output=json_output)
    found = collect(conf)
    jobs = collect_jobs(conf)
    with FlinkRest(conf.flink.url) as rest:
        jobs = [replace(job, cause=rest.cause(job.id)) if job.state in TROUBLED else job for job in jobs]
    logged = any(one.name == "kafka" and one.health is Health.HEALTHY for one in found)  # asking in vain takes seconds
    groups, waiting = (collect_groups(conf), _attention(conf)) if logged else ([], None)
    console.table(
        ["component", "health", "url", "version", "pid", "memory", "up since", "restarts", "detail", "metrics"],
        [one.row() for one in found],
        styles=["green" if one.health is Health.HEALTHY else "red" for one in found],
    )
    if jobs:
        console.table(
            ["job", "state", "id", "tasks", "running for", "cause"], [job.row() for job in jobs], title="jobs"
        )
    if groups:
        console.table(
            ["consumer group", "lag", "expired unread"],
            [[one.group, f"{one.lag:,}", f"{one.expired:,}" if one.expired else ""] for one in groups],
            title="lag (records)",
        )
    if waiting:
        console.table(["what", "count", "answered by"], waiting.rows(), title="attention")
    console.result(
        {
            "components": [one.document() for one in found],
            "jobs": [job.document() for job in jobs],
            "groups": [one.document() for one in groups],
            "attention": waiting.document() if waiting else None,
        }
    )
    if all(one.health is Health.STOPPED for one in found):
        raise typer.Exit(Exit.UNAVAILABLE)
    newest = {job.name: job for job in reversed(jobs)}.values()
    if any(one.health is not Health.HEALTHY for one in found) or any(job.state == "FAILED" for job in newest):
        raise typer.Exit(Exit.FAILED)


def _attention(conf: Settings) -> Attention | None:
    from operations.attention import attention  # noqa: PLC0415

    return attention(conf)


def doctor(json_output: JsonOption = False) -> None:
    """Check what the stack needs on this machine, and say how to get what is missing.

    Exits with 4 if something is missing.
    """
    from devstack.local.doctor import examine  # noqa: PLC0415

    console = Console(json_output=json_output)
    findings = examine(settings())
    console.table(
        ["check", "result", "found", "remedy"],
        [[one.check, "ok" if one.ok else "MISSING", one.found, one.remedy] for one in findings],
        styles=["green" if one.ok else "red" for one in findings],
    )
    console.result([one.document() for one in findings])
    if not all(one.ok for one in findings):
        raise typer.Exit(Exit.MISSING)


def topics(
    apply: Annotated[bool, typer.Option("--apply", help="Make the broker's topics what the plan says.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Show how the broker's topics differ from schemas/domains.toml; with --apply, change them.

    Topics are created and reconfigured, never deleted or repartitioned.
    """
    from operations.topics import apply as carry_out  # noqa: PLC0415
    from operations.topics import plan  # noqa: PLC0415
    from schemas.domains import domains  # noqa: PLC0415

    conf, console = settings(), Console(json_output=json_output)
    steps = plan(conf)
    owners = {step.topic: domains().domains[domains().topics[step.topic].domain] for step in steps}
    pending = [step for step in steps if step.action != "keep"]
    console.table(
        ["topic", "owner", "tier", "lag objective", "action", "partitions", "retention.ms", "changes"],
        [
            [
                step.topic,
                owners[step.topic].owner,
                owners[step.topic].tier,
                f"{owners[step.topic].lag_objective_ms:,} ms",
                step.action,
                step.partitions,
                step.config["retention.ms"],
                step.reason or _changes(step.changes),
            ]
            for step in steps
        ],
        styles=["red" if step.action == "conflict" else None if step.action == "keep" else "yellow" for step in steps],
    )
    touched = carry_out(conf, steps) if apply else 0
    console.result(
        {
            "applied": apply,
            "touched": touched,
            "steps": [{**step.document(), "owner": vars(owners[step.topic])} for step in steps],
        }
    )
    if apply:
        console.success(f"{touched} topics changed")
    else:
        console.info(f"{len(pending)} of {len(steps)} topics to change" + ("; --apply does it" if pending else ""))


def _changes(changes: dict[str, tuple[str, str]]) -> str:
    return ", ".join(f"{name}: {old} → {new}" for name, (old, new) in changes.items())
