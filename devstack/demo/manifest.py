"""The simulator's manifest against the reconciliation: what was made, by kind and reason, is what came out."""

from __future__ import annotations

from typing import Any

from udfs.ingest.conflicts import REASON as CONFLICT

#: Reasons of the data-quality rules, which the simulator does not know: what they reject it made as good frames.
_QUALITY = "quality."


def compared(manifest: dict[str, Any], figures: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Return (made, came out) by what is counted: frames, duplicates, records of each kind, dead letters by reason.

    The manifest knows all of them exactly, of every frame that was fed since the stack was fresh. Where rules reject
    records (none of the project's own does), only the sum of all kinds is compared.
    """
    reasons = {r: n for r, n in figures["dead_letters_by_reason"].items() if not r.startswith(_QUALITY)}
    rejected_by_rules = figures["dead_letters"] - sum(reasons.values())
    made: dict[str, int] = manifest["normalized"]
    revisions = sum(count for kind, count in made.items() if kind not in ("trade", "quote"))
    lines = {
        "frames": (manifest["frames"], figures["raw"]),
        "duplicates": (manifest["duplicates"], figures["duplicates"]),
        "kinds not normalized yet": (manifest["not_normalized"], figures["not_normalized"]),
    }
    if rejected_by_rules:
        lines["records accepted, or rejected by rules"] = (
            sum(made.values()), figures["normalized"] + rejected_by_rules
        )  # fmt: skip
    else:
        lines["trades"] = (made["trade"], figures["trades"])
        lines["quotes"] = (made["quote"], figures["quotes"])
        lines["cancels and corrections"] = (revisions, figures["revisions"])
    # It makes no conflicts: one would be there under this name with 0 made.
    expected: dict[str, int] = {CONFLICT: 0, **manifest["dead_letters"]}
    for reason in sorted({*expected, *reasons}):
        lines[f"dead letters: {reason}"] = (expected.get(reason, 0), reasons.get(reason, 0))
    return lines


def differences(lines: dict[str, tuple[int, int]]) -> list[str]:
    """Return what does not agree, in words."""
    return [f"{name}: {made:,} made, {found:,} came out" for name, (made, found) in lines.items() if made != found]
