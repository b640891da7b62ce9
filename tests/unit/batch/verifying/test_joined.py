"""Reports of several ranges as one."""

from __future__ import annotations

from typing import Any

from batch.verifying.report import joined


def report(start: str, end: str, *, passed: bool, records: int, **more: Any) -> dict[str, Any]:
    tables = [{"table": "normalized.trade.v1", "days": [start]}]
    rest = {"tables": tables, "checks": [start], "empty": [end], "seconds": {"replay": records}}
    found = {"passed": passed, "range": {"from": start, "to": end}, "records": records, "differences": int(not passed)}
    return {**found, **rest, **more}


def test_sums_are_of_all_ranges_and_one_that_failed_fails_all() -> None:
    inner = [report("1", "2", passed=True, records=1), report("3", "4", passed=True, records=1)]
    documents = [
        report("1", "2", passed=True, records=5, engines=["a"], flink=inner[0]),
        report("3", "4", passed=False, records=7, engines=["b"], flink=inner[1]),
    ]
    found = joined(documents)
    assert (found["passed"], found["records"], found["differences"]) == (False, 12, 1)
    assert found["range"] == {"from": "1", "to": "4"}
    assert [table["days"] for table in found["tables"]] == [["1"], ["3"]]
    assert (found["checks"], found["engines"], found["empty"]) == (["1", "3"], ["a", "b"], ["2", "4"])
    assert (found["flink"]["passed"], found["flink"]["records"]) == (True, 2)
    assert "engines" not in found["flink"]


def test_one_report_stays_what_it_is() -> None:
    one = report("1", "2", passed=True, records=5)
    assert joined([one]) is one
