"""What a proof found: as Airflow's own metrics, and as a file for the textfile collector of Prometheus' exporter."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.observability.stats import gauge

NAME = "polyglot_verify.prom"
_HELP = {
    "differences": "Records in which stores and replay differ.",
    "records": "Records that the replay made.",
    "passed": "Whether the proof held.",
    "timestamp_seconds": "When it ended.",
}


def text(document: dict[str, Any], now: float) -> str:
    """Return a proof's numbers in the text format, for the last proof of its range and entity."""
    values = {
        "differences": document["differences"],
        "records": document["records"],
        "passed": int(document["passed"]),
        "timestamp_seconds": round(now, 3),
    }
    lines = []
    for name, value in values.items():
        metric = f"polyglot_verify_{name}"
        lines += [f"# HELP {metric} {_HELP[name]}", f"# TYPE {metric} gauge", f"{metric} {value}"]
    return "\n".join(lines) + "\n"


def publish(runs: Path, document: dict[str, Any]) -> Path:
    """Send the numbers of this proof to where Airflow sends its own, and replace the file with them; return it."""
    for name in ("differences", "records"):
        gauge(f"polyglot.verify.{name}", document[name])
    folder = runs / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{NAME}.{os.getpid()}"
    draft.write_text(text(document, time.time()))
    return draft.replace(folder / NAME)


def last_proof(runs: Path, max_age_s: float) -> dict[str, float]:
    """Return the numbers of the last proof.

    Raises:
        AirflowFailException: there is none, it is older than so many seconds, or it did not hold.
    """
    try:
        lines = (runs / "metrics" / NAME).read_text().splitlines()
    except FileNotFoundError:
        raise AirflowFailException("nothing was ever proven here: polyglot_verify_daily does it") from None
    found = {name: float(value) for name, value in (line.split() for line in lines if not line.startswith("#"))}
    found = {name.removeprefix("polyglot_verify_"): value for name, value in found.items()}
    age = time.time() - found["timestamp_seconds"]
    if age > max_age_s:
        raise AirflowFailException(f"the last proof is {age / 3600:.1f} h old")
    if not found["passed"]:
        raise AirflowFailException(f"the last proof found {found['differences']:.0f} differences")
    return found
