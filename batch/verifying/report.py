"""A verification as one JSON document."""

from __future__ import annotations

from typing import Any

from batch.verifying.result import Verified

FORMAT = 1


def document(result: Verified, *, fail_on_empty: bool) -> dict[str, Any]:
    """Return the report; its keys are stable and ``format`` rises when one of them changes."""
    return {
        "format": FORMAT,
        "passed": result.passed(fail_on_empty=fail_on_empty),
        "range": result.span.as_json(),
        "entity": result.entity,
        "records": result.records,
        "differences": result.differences,
        "empty": result.empty,
        "tables": [
            {
                "table": each.table,
                "status": each.status,
                "replayed": each.replayed,
                "found": each.found,
                "differences": each.counts,
                "notes": each.notes,
                "days": [
                    {
                        "day": line.day,
                        "replayed": line.replayed,
                        "found": line.found,
                        "replay_digest": line.replay_digest,
                        "found_digest": line.found_digest,
                        "equal": line.equal,
                    }
                    for line in each.days
                ],
                "samples": [
                    {
                        "kind": one.kind,
                        "day": one.day,
                        "key": one.key,
                        "fields": {name: {"replay": e, "found": a} for name, (e, a) in one.fields.items()},
                    }
                    for one in each.samples
                ],
            }
            for each in result.comparisons
        ],
        "checks": [{"name": check.name, "holds": check.holds, **check.found} for check in result.checks],
        "skipped": result.skipped,
        "replay": result.replayed.as_json(),
        "seconds": result.seconds,
    }


def joined(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the reports of several ranges, which do not overlap, as one: its range is from the first to the last.

    How a replay went (``replay``, ``seconds``) is told of the first.
    """
    first, *rest = documents
    if not rest:
        return first
    every = {
        name: [one for each in documents for one in each.get(name, ())] for name in ("tables", "checks", "engines")
    }
    return {
        **first,
        **{name: found for name, found in every.items() if name in first},
        **({"flink": joined([each["flink"] for each in documents])} if "flink" in first else {}),
        "passed": all(each["passed"] for each in documents),
        "range": {"from": first["range"]["from"], "to": documents[-1]["range"]["to"]},
        "records": sum(each["records"] for each in documents),
        "differences": sum(each["differences"] for each in documents),
        "empty": sorted({name for each in documents for name in each["empty"]}),
    }
