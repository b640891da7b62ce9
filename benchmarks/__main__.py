"""``make bench``: run everything on a stack of its own; print tables, write ``var/report/bench.json``.

A whole run also replaces the figures block of ``benchmarks/README.md``. With ``--part`` or ``--quick`` it
does so only with ``--write``.

Exit codes: 0 the figures are of correct outputs, whether or not they reach the aims, which the last table tells (in
the report: ``aims``); 1 an output was wrong, or a part failed; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from devstack.local.control import down, up
from runtime.config import ROOT, Settings, settings
from runtime.console import Console

_PORTS = {
    "POLYGLOT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:49092",
    "POLYGLOT_FLINK__REST_PORT": "48081",
    "POLYGLOT_CLICKHOUSE__PORT": "48123",
    "POLYGLOT_REDIS__PORT": "46379",
    "POLYGLOT_S3__PORT": "28333",  # eleven in a row: below those that the system gives to outgoing connections
    "POLYGLOT_VAR_DIR": str(ROOT / "var" / "bench"),
}
#: In the order in which they run; those in `OPTIONAL` only if they are asked for.
PARTS = ("stages", "growth", "whole", "memory", "latency", "query", "others", "lake")
OPTIONAL = ("others", "lake")
#: They need none, or start their own.
NO_STACK = ("growth", "lake")
REPORT = ROOT / "var" / "report" / "bench.json"
README = ROOT / "benchmarks" / "README.md"
#: What a quick run takes of the frames: the rates need so many, or nothing lies between start and end.
_FEW = 0.25


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=2_000_000, help="frames preloaded for the stages")
    parser.add_argument("--repeats", type=int, default=3, help="rounds in which stages, floor and loops take turns")
    parser.add_argument("--rate", type=int, default=45_000, help="frames per second of the whole path")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the whole path is fed")
    parser.add_argument("--latency-seconds", type=int, default=60)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part (repeatable)")
    parser.add_argument("--write", action="store_true", help="write the figures into the README, also of some parts")
    parser.add_argument("--quick", action="store_true", help="a little of everything, to see that it runs")
    return parser.parse_args()


def _parts(asked: argparse.Namespace, config: Settings, console: Console) -> dict[str, Callable[[], Any]]:
    """Return what each part runs; imported here, after the environment is set."""
    from benchmarks import growth, lake, latency, stages, whole  # noqa: PLC0415
    from benchmarks.others import run as others  # noqa: PLC0415
    from benchmarks.preload import preload  # noqa: PLC0415

    quick = asked.quick
    frames = int(asked.frames * (_FEW if quick else 1))
    repeats = 1 if quick else asked.repeats
    minutes = asked.minutes * (0.1 if quick else 1)
    seconds, warm_up_s = (15, 30) if quick else (asked.latency_seconds, whole.WARM_UP_S)

    def staged() -> Any:
        return stages.measured(config, console, preload(config, frames, frames // 4, seed=11), repeats)

    return {
        "stages": staged,
        "growth": lambda: growth.grown(20_000 if quick else 200_000, repeats),
        "whole": lambda: whole.whole(config, console, asked.rate, minutes, warm_up_s),
        "memory": lambda: whole.sustained(config, console, whole.MEMORY_RATE, minutes, warm_up_s),
        "latency": lambda: latency.latencies(config, console, seconds, warm_up_s),
        "query": lambda: latency.queried(config, console, seconds, warm_up_s),
        "lake": lambda: lake.costs(console, 30 if quick else 200),
        "others": lambda: others.measured(config, console, frames // 2, frames // 10, repeats),
    }


def _commit() -> str:
    """Return the commit that runs, marked when files differ from it; outside of a repository: unknown."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.strip() or "unknown"


def main() -> int:
    """Run the parts asked for, print the figures, return an exit code."""
    asked = _arguments()
    # Ended from outside, the bench still stops its stack.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    os.environ.update(_PORTS)
    settings.cache_clear()
    from benchmarks import aims, table  # noqa: PLC0415 - after the environment is set

    config, console = Settings(), Console()
    found: dict[str, Any] = {
        "commit": _commit(), "date": datetime.now(UTC).strftime("%d %B %Y"), "cores": os.cpu_count(),
    }  # fmt: skip
    runs = _parts(asked, config, console)
    try:
        for part in asked.part or [part for part in PARTS if part not in OPTIONAL]:
            down(config, console, wipe=True)
            if part not in NO_STACK:
                up(config, console)
            found[part] = runs[part]()
            _keep(found)  # what is measured is kept, whatever becomes of the next part
    finally:
        down(config, console, wipe=True)
    found["aims"] = aims.judged(found)
    _keep(found)
    for title, head, lines in table.tables(found):
        console.table(head, lines, title=f"{title} (a quick run reaches less)" if asked.quick else title)
    if missed := sum(one["met"] is False for one in found["aims"]):
        console.warn(f"{missed} aims were missed")
    if asked.write or not (asked.part or asked.quick):
        README.write_text(table.replaced(README.read_text(), found))
        console.info(f"figures written to {README.relative_to(ROOT)}")
    return 0 if found.get("whole", {}).get("verify", {}).get("passed", True) else 1


def _keep(found: dict[str, Any]) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
