"""What the figures should reach, and which do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Memory is flat if the last quarter of a run needs at most this much of what the second one did.
FLAT = 1.1


@dataclass(frozen=True)
class Aim:
    """One figure of the report, and the bound that it is to keep; ``at_least`` or at most."""

    name: str
    path: tuple[str, ...]
    bound: float
    at_least: bool

    def figure(self, found: dict[str, Any]) -> float | None:
        """Return the figure; None where its part did not run or could not tell."""
        value: Any = found
        for step in self.path:
            value = value.get(step) if isinstance(value, dict) else None
        return None if value is None else float(value)

    def met(self, figure: float) -> bool:
        """Tell whether a figure keeps the bound."""
        return figure >= self.bound if self.at_least else figure <= self.bound


_STAGES = ("stages", "found")
LIGHT, BARS, SAME = "light loop, 2", "light loop's bars, 2", "same-work loop, 2"


def _of(stage: str, base: str) -> tuple[str, ...]:
    return (*_STAGES, stage, "of", base, "ratio")


#: The loops are those in two processes, the faster ones.
AIMS = (
    Aim("normalize, of the light loop", _of("normalize", LIGHT), 1.0, at_least=True),
    Aim("normalize, of the floor", _of("normalize", "floor"), 0.4, at_least=True),
    Aim("normalize, of the same-work loop", _of("normalize", SAME), 5.0, at_least=True),
    Aim("analytics (five intervals, quote bars), of the light loop's bars", _of("analytics", BARS), 1.0, at_least=True),
    Aim("ingest with Hudi's commits, of the floor", _of("ingest", "floor"), 0.2, at_least=True),
    Aim("whole path from end to end, of the light loop", ("whole", "of_light_loop"), 0.16, at_least=True),
    Aim("differences of its verification", ("whole", "verify", "differences"), 0, at_least=False),
    Aim("memory of the whole path, last quarter of the second", ("whole", "memory", "growth"), FLAT, at_least=False),
    Aim("Spark replay with bars and digests, events/s", ("whole", "replay_events_per_second"), 200_000, at_least=True),
    Aim("verification, of the replay's time", ("whole", "verify_of_replay"), 1.3, at_least=False),
    Aim("memory of the whole stack at 20,000/s, peak, MB", ("memory", "memory", "peak_mb"), 4_500, at_least=False),
    Aim("raw → normalized at 5,000/s, p99, ms", ("latency", "raw_to_normalized_ms", "p99"), 100, at_least=False),
    Aim(
        "window end → ClickHouse at 5,000/s, p99, ms", ("latency", "window_end_to_clickhouse_ms", "p99"), 1000,
        at_least=False,
    ),
    Aim("window end → query at 1,000/s, max, ms", ("query", "window_end_to_query_ms", "max"), 2000, at_least=False),
)  # fmt: skip


def judged(found: dict[str, Any], aims: Sequence[Aim] = AIMS) -> list[dict[str, Any]]:
    """Return every aim with its figure and ``met``: null where nothing was measured."""
    figures = [(aim, aim.figure(found)) for aim in aims]
    return [
        {
            "aim": aim.name,
            "figure": figure,
            "bound": aim.bound,
            "at_least": aim.at_least,
            "met": None if figure is None else aim.met(figure),
        }
        for aim, figure in figures
    ]


def rows(judgements: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the lines of a table: what, figure, aim, verdict."""
    verdict = {True: "met", False: "MISSED", None: "not measured"}
    return [
        [
            one["aim"], number(one["figure"]), f"{'≥' if one['at_least'] else '≤'} {number(one['bound'])}",
            verdict[one["met"]],
        ]
        for one in judgements
    ]  # fmt: skip


def number(value: float | None) -> str:
    """Return a figure as tables have it."""
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
