"""``polyglot demo``: the whole promise in one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from polyglot.cli import JsonOption
from polyglot.cli.verify import show
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, Console, Exit

PANEL = "Start here"
_EXAMPLES = """\
Examples:

    polyglot demo

    polyglot demo --capture usdm_btcusdt_20240808.gz

    polyglot demo --simulate 300000 --seed 11
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL, help=f"{demo.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}")(demo)


def demo(
    capture: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="Feed this capture (repeatable).")
    ] = None,
    venue: Annotated[str, typer.Option(help="The captures' venue; default: told from their frames.")] = "",
    simulate: Annotated[int, typer.Option(min=1000, help="Simulated frames to feed, without a capture.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of the simulator.")] = 7,
    report: Annotated[Path | None, typer.Option(help="JSON report; default var/report/demo.json.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Run everything on a fresh local stack: feed, jobs, tables, replay, proof.

    An earlier local stack is stopped and its data deleted; the new one is left running. Exits with 1 if a count does
    not balance, is not what the simulator made, or a byte differs.
    """
    from devstack.demo.run import passed, run  # noqa: PLC0415 - keeps --help instant

    settings, console = Settings(), Console(json_output=json_output)
    found = run(settings, console, capture or [], venue, simulate, seed)
    target = report or settings.var_dir / "report" / "demo.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    show(console, json.loads((settings.var_dir / "report" / "verify.json").read_text()))
    _show(console, settings, found)
    console.result(found)
    console.info(f"report: {target}")
    for line in found["unexpected"]:
        console.error(line)
    if not passed(found):
        console.error("counts or bytes do not agree: see the report")
        raise typer.Exit(Exit.FAILED)
    console.success(f"{found['verify']['records']:,} replayed records compared, 0 differences")


def _show(console: Console, settings: Settings, found: dict[str, Any]) -> None:
    counts = (
        ("raw records", "raw"), ("  of these duplicates", "duplicates"),
        ("  with other content than the first copy", "conflicts"), ("Bronze", "bronze"), ("trades", "trades"),
        ("quotes", "quotes"), ("dead letters", "dead_letters"), ("not normalized yet", "not_normalized"),
        ("gaps of the venue's numbers, open or closed", "gaps"),
        ("Silver", "silver"), ("bars", "bars"), ("quote bars", "quote_bars"), ("Gold", "gold"),
        ("ClickHouse", "clickhouse_rows"),
    )  # fmt: skip
    console.table(["what", "count"], [[label, f"{found[key]:,}"] for label, key in counts], title="counts")
    if found["dead_letters_by_reason"]:
        rows = [[reason, f"{count:,}"] for reason, count in found["dead_letters_by_reason"].items()]
        console.table(["reason", "count"], rows, title="dead letters")
    if marked := [
        [one["topic"], one["rule"], one["action"], f"{one['count']:,}"] for one in found["quality"] if one["count"]
    ]:
        console.table(["topic", "rule", "action", "count"], marked, title="data quality")
    proofs = [[name, "holds" if holds else "BROKEN"] for name, holds in found["balance"].items()]
    if made := found["made_and_came_out"]:
        wrong = len(found["unexpected"])
        what = f"what the simulator made = what came out ({len(made)} counts)"
        proofs.append([what, f"{wrong} differ" if wrong else "holds"])
    proofs.append(["stream = replay, byte for byte", f"{found['verify']['differences']} differences"])
    console.table(["proof", "verdict"], proofs, title="proofs")
    console.text(_latency(found))
    console.text(f"set-up {found['set_up_s']} s, run {found['run_s']} s")
    console.text(
        f"Flink UI {settings.flink.url} · ClickHouse {settings.clickhouse.url} · "
        f"Kafka {settings.kafka.bootstrap_servers}"
    )
    console.text('look: polyglot query "select * from bars_latest order by window_start desc limit 5"; stop: make down')


def _latency(found: dict[str, Any]) -> str:
    latency, cold, note = found["latency_ms"], found["latency_ms_with_start_up"], found["latency_note"]
    if not latency["matched"]:
        return "raw → normalized: nothing was fed whose latency could be measured"
    after = [f"{found['warm_up']['frames']:,} frames"] if found["warm_up"]["frames"] else []
    after += [] if note else [f"{found['warm_up']['seconds']:.0f} s of feed"]
    return (
        f"raw → normalized: p50 {latency['p50']} ms, p99 {latency['p99']} ms over {latency['matched']:,} records"
        + (f" after {' and '.join(after)}" if after else "")
        + f" (with the workers' start: p99 {cold['p99']} ms)"
        + (f"; {note}" if note else "")
    )
