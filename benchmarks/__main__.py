"""``make bench``: run everything on a stack of its own and write ``var/report/bench.json``.

Exit codes: 0 the figures are of correct outputs, whether or not they reach the aims, which the last table tells (in
the report: ``aims``); 1 an output was wrong, or a part failed; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from polyglot.config import ROOT, Settings, settings

_PORTS = {
    "POLYGLOT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:49092",
    "POLYGLOT_FLINK__REST_PORT": "48081",
    "POLYGLOT_CLICKHOUSE__PORT": "48123",
    "POLYGLOT_REDIS__PORT": "46379",
    "POLYGLOT_VAR_DIR": str(ROOT / "var" / "bench"),
}
PARTS = ("stages", "whole", "latency", "query")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=2_000_000, help="frames preloaded for the stages")
    parser.add_argument("--repeats", type=int, default=3, help="how often floor and normalize run, in turn")
    parser.add_argument("--rate", type=int, default=25_000, help="frames per second of the whole path")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the whole path is fed")
    parser.add_argument("--latency-seconds", type=int, default=60)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part (repeatable)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    return parser.parse_args()


def main() -> int:
    """Run the parts asked for, print the figures, return an exit code."""
    asked = _arguments()
    scale = 0.1 if asked.quick else 1.0
    os.environ.update(_PORTS)
    settings.cache_clear()
    from benchmarks import aims, latency, stages, whole  # noqa: PLC0415 - after the environment is set
    from polyglot.console import Console  # noqa: PLC0415
    from polyglot.stack.control import down, up  # noqa: PLC0415

    config, console = Settings(), Console()
    found: dict[str, Any] = {"cores": os.cpu_count()}
    parts = asked.part or list(PARTS)
    try:
        for part in parts:
            down(config, console, wipe=True)
            up(config, console)
            if part == "stages":
                manifest = stages.preload(config, console, int(asked.frames * max(scale, 0.25)), seed=11)
                found["stages"] = stages.measured(config, console, manifest, asked.repeats)
            elif part == "whole":
                found["whole"] = whole.sustained(config, console, asked.rate, asked.minutes * scale)
            else:
                measure = latency.latencies if part == "latency" else latency.queried
                found[part] = measure(config, console, int(asked.latency_seconds * max(scale, 0.25)))
            console.text(json.dumps(found[part], indent=2))
    finally:
        down(config, console, wipe=True)
    found["aims"] = aims.judged(found)
    target = Path(ROOT / "var" / "report" / "bench.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    console.text(json.dumps({name: one for name, one in found.items() if name != "aims"}, indent=2))
    title = "aims (a quick run reaches less)" if asked.quick else "aims"
    console.table(["what", "figure", "aim", "verdict"], aims.rows(found["aims"]), title=title)
    if missed := sum(one["met"] is False for one in found["aims"]):
        console.warn(f"{missed} aims were missed")
    return 0 if found.get("whole", {}).get("verify", {}).get("passed", True) else 1


if __name__ == "__main__":
    sys.exit(main())
