"""The report of a campaign, possibly over several runs: one JSON document and one table."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devstack.chaos.feeds import LATE_S, MISSED, OTHER_SHARE, PACE, SPEED
from runtime.config import ROOT

CONDITIONS = (
    f"two redundant collectors of one venue, each without {MISSED:.0%} of the frames, and one of a second venue with "
    f"{OTHER_SHARE:.0%} as many; {PACE:.0f} frames/s a collector, up to "
    f"{SPEED:.0f} times as fast as they happened; simulated frames: 5 % late by up to {LATE_S:.0f} s, 2 % sent twice, "
    "0.5 % malformed, clocks up to 1.5 s off"
)
COLUMNS = (
    "seed", "input", "faults", "raw so far", "verified", "repair requests", "differences", "lost", "twice", "verdict"
)  # fmt: skip


def run(command: str, rounds: Sequence[dict[str, Any]], root: Path = ROOT) -> dict[str, Any]:
    """Return what ties rounds to what made them: the command, the code and the day (UTC)."""
    day = datetime.now(UTC).date().isoformat()
    return {"command": command, "commit": commit(root), "date": day, "seeds": [one["seed"] for one in rounds]}


def commit(root: Path) -> str | None:
    """Return the commit of a folder's code, ``-dirty`` if it was changed since; None where git cannot tell.

    Documents do not count: the first run of a report would make the next one's code look changed.
    """

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
        return git("describe", "--always", "--abbrev=10") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def summary(rounds: list[dict[str, Any]], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the document; counts of a round are of everything since its stack was fresh."""
    hits = [hit for one in rounds for hit in one["faults"]]
    kinds = Counter(name for one in rounds for name in applied(one))
    requests = Counter[str]()
    for one in rounds:
        requests.update(one.get("repair_requests", {}))
    return {
        "runs": runs,
        "passed": bool(rounds) and all(one["passed"] for one in rounds),
        "seeds": sorted({one["seed"] for one in rounds if _tried(one)}),
        "rounds_run": len(rounds),
        "rounds_failed": sum(not one["passed"] for one in rounds),
        "faults": sum(kinds.values()),
        "faults_survived": survived(rounds),
        "faults_by_kind": dict(sorted(kinds.items())),
        "faults_skipped": sum("skipped" in hit for hit in hits),
        "differences": sum(one.get("differences", 0) for one in rounds),
        "lost": sum(abs(one.get("lost", 0)) for one in rounds),
        "repair_requests": dict(sorted(requests.items())),
        "minutes": round(sum(one["seconds"] for one in rounds) / 60, 1),
        "conditions": CONDITIONS,
        "rounds": rounds,
    }


def load(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rounds and the runs of an earlier report; none if there is no such file."""
    document = json.loads(path.read_text()) if path.exists() else {}
    return document.get("rounds", []), document.get("runs", [])


def write(path: Path, document: dict[str, Any]) -> None:
    """Write a report, one line per round."""
    head = json.dumps({**document, "rounds": []}, indent=2).removesuffix("[]\n}")
    lines = ",\n".join(f"    {json.dumps(one)}" for one in document["rounds"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}[\n{lines}\n  ]\n}}\n")


def survived(rounds: Sequence[dict[str, Any]]) -> int:
    """Return how many faults were applied in rounds whose proof held."""
    return sum(len(applied(one)) for one in rounds if one["passed"])


def applied(one: dict[str, Any]) -> list[str]:
    """Return the faults of a round that were applied."""
    return [hit["fault"] for hit in one["faults"] if "skipped" not in hit]


def _tried(one: dict[str, Any]) -> bool:
    """Whether any of the faults that were dealt to a round was applied."""
    return bool(applied(one) or not one["faults"])


def row(one: dict[str, Any]) -> list[object]:
    """Return a round's line of the table."""
    hits = applied(one)
    skipped = len(one["faults"]) - len(hits)
    faults = ", ".join(hits) + (f" ({skipped} skipped)" if skipped else "")
    if "error" in one:
        return [one["seed"], one["input"], faults, "", "", "", "", "", "", "BROKEN"]
    return [
        one["seed"], one["input"], faults, f"{one['counts']['raw']:,}", f"{one['verified']:,}",
        sum(one["repair_requests"].values()), one["differences"],
        one["lost"] + one["topics"]["missing_sequence_numbers"], one["topics"]["conflicting_copies"],
        "BROKEN" if not one["passed"] else "holds" if _tried(one) else "no fault",
    ]  # fmt: skip
