"""The report as one table, and as the figures block of ``benchmarks/README.md``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.aims import BARS, LIGHT, SAME, number, rows

#: Named for the aims, in the mode that the jobs are configured for.
IN_MODES = ("normalize", "analytics")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
BASES = ("floor", LIGHT, BARS, SAME)
HEAD = ["what", "per second", "spread", "of the floor", "of light, 2", "of its bars, 2", "of same work, 2"]
_GROWTH = [
    "kernel", "entities", "seen", "ns a record", "spread", "snapshot, bytes", "per entity", "windows open (ids)",
    "per window (id)",
]  # fmt: skip
_OTHERS = ["what", "per second", "spread", "of light, 1", "of light, 2"]
LIGHT_1 = "light loop, 1"

Lines = list[list[str]]


def stages(found: dict[str, Any]) -> Lines:
    """Return the lines of `HEAD`: what each stage and loop does, and its ratios of one run; a spread is of medians."""
    return [
        [name, number(one["per_s"]), _percent(one["spread"]), *(_ratio(one["of"].get(base)) for base in BASES)]
        for name, one in found["found"].items()
        if name not in IN_MODES  # it is there under the mode's name
    ]


def _ratio(of: dict[str, float] | None) -> str:
    return "" if of is None else f"{of['ratio']:.2f} ± {_percent(of['spread'] / 2)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def growth(found: dict[str, Sequence[dict[str, Any]]]) -> Lines:
    """Return the lines of cost and state as entities grow."""
    return [
        [
            name, number(one["entities"]), number(one["seen"]), number(one["ns"]), _percent(one["spread"]),
            number(one["state"]), number(one["per_entity"]), number(one["kept"]), number(one["per_kept"]),
        ]
        for name, lines in found.items()
        for one in lines
    ]  # fmt: skip


def path(found: dict[str, Any]) -> Lines:
    """Return the whole path, the memory and the latencies: what, and the figure."""
    return [list(line) for line in _path(found)]


def _path(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if whole := found.get("whole"):
        yield "whole path, every store on: asked for", f"{number(whole['asked_rate'])}/s"
        yield "fed, and from end to end", f"{number(whole['fed_rate'])}/s, {number(whole['end_to_end_rate'])}/s"
        yield (
            "of the light loop in two processes",
            f"{whole['of_light_loop']:.3f} of {number(whole['light_loop']['per_s'])}/s",
        )
        yield "records compared, differences", f"{number(whole['verify']['records'])}, {whole['verify']['differences']}"
        yield "Spark replay", f"{number(whole['replay_events_per_second'])} events/s"
        yield "verification, of the replay's time", f"{whole['verify_of_replay']:.2f}"
        yield "memory: peak, second and last quarter", _memory(whole["memory"])
    if steady := found.get("memory"):
        yield f"memory at {number(steady['asked_rate'])}/s: peak, second and last quarter", _memory(steady["memory"])
    for part, name, what in (
        ("latency", "raw_to_normalized_ms", "raw → normalized at 5,000/s"),
        ("latency", "window_end_to_clickhouse_ms", "window end → ClickHouse at 5,000/s"),
        ("query", "window_end_to_query_ms", "window end → query at 1,000/s"),
    ):
        if one := found.get(part, {}).get(name):
            yield f"{what}: p50, p99, max", ", ".join(f"{number(one[key])} ms" for key in ("p50", "p99", "max"))


def _memory(one: dict[str, Any]) -> str:
    keys = ("peak_mb", "second_quarter_mb", "last_quarter_mb")
    return ", ".join("-" if key not in one else f"{number(one[key])} MB" for key in keys)


def others(found: dict[str, Any]) -> Lines:
    """Return what other frameworks did: per second, spread, of the light loops; or why they did not run."""
    return [
        [
            name,
            number(one["per_s"]),
            _percent(one["spread"]),
            *(_ratio(one["of"].get(base)) for base in (LIGHT_1, LIGHT)),
        ]
        if "per_s" in one
        else [name, one["skipped"], "", "", ""]
        for name, one in found["found"].items()
    ]


def lake(found: dict[str, Any]) -> Lines:
    """Return what a lake on S3 costs: what, and the figure; two figures are those before and after upkeep."""
    lines = []
    for what, kinds in found["requests"].items():
        each = ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())
        lines.append([f"requests of {what}, a million events", f"{sum(kinds.values()):,}: {each}"])
    for name, one in found["tables"].items():
        lines.append([name, f"{one['bytes_a_record']} bytes a record, {one['files'][0]} and {one['files'][1]} files"])
    for name, (before, after) in found["queries"].items():
        lines.append([f"all of {name}", f"{before:.2f} s and {after:.2f} s"])
    return lines


def tables(found: dict[str, Any]) -> Iterator[tuple[str, list[str], Lines]]:
    """Yield title, head and lines of each table that the report has figures for."""
    if one := found.get("stages"):
        yield f"{one['frames']:,} frames, {one['repeats']} rounds, jobs run in {one['mode']} mode", HEAD, stages(one)
    if lines := path(found):
        yield "the whole path", ["what", "figure"], lines
    if "growth" in found:
        yield "as entities grow", _GROWTH, growth(found["growth"])
    if "others" in found:
        yield (
            "other frameworks, the light loop's work",
            _OTHERS,
            others(found["others"]),
        )
    if one := found.get("lake"):
        title = f"a lake on S3, {one['frames']:,} frames, a commit every {one['checkpoint_s']:g} s"
        yield title, ["what", "figure"], lake(one)
    if "aims" in found:
        yield "aims", ["what", "figure", "aim", "verdict"], rows(found["aims"])


def block(found: dict[str, Any]) -> str:
    """Return the figures block, markers included."""
    head = f"Commit {found['commit']}, {found['date']}, {found['cores']} cores."
    parts = [head]
    for title, columns, lines in tables(found):
        parts.append(f"**{title[0].upper()}{title[1:]}**")
        parts.append("\n".join(map(_line, [columns, ["---"] * len(columns), *lines])))
    return "\n\n".join([BEGIN, *parts, END])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def replaced(text: str, found: dict[str, Any]) -> str:
    """Return a text with its figures block replaced.

    Raises:
        ValueError: it does not have exactly one block.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"expected one block between {BEGIN} and {END}")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    return before + block(found) + after
