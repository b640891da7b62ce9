"""The printed tables, and the figures block that a run replaces."""

import pytest

from benchmarks import aims
from benchmarks.__main__ import README
from benchmarks.measure import Rounds
from benchmarks.table import BASES, BEGIN, END, block, lake, replaced, stages, tables


def _found():
    rounds = Rounds()
    for name, rate in (("floor", 500_000), ("light loop, 2", 250_000), ("normalize, thread", 300_000)):
        rounds.add(name, rate)
        rounds.add(name, rate * 1.1)
    measured = rounds.document(BASES)
    measured["normalize"] = measured["normalize, thread"]
    found = {
        "commit": "abc", "date": "29 November 2026", "cores": 2,
        "stages": {"mode": "thread", "frames": 2_000_000, "repeats": 2, "found": measured},
        "growth": {"bars": [
            {"entities": 10, "seen": 10, "ns": 190, "spread": 0.1, "state": 5_000, "kept": 50, "per_entity": 20.5,
             "per_kept": 90.0},
        ]},
        "others": {"found": {"Bytewax": {"skipped": "skipped: no network"}}},
    }  # fmt: skip
    return {**found, "aims": aims.judged(found)}


def test_a_line_has_the_rate_and_the_ratios_of_one_run():
    lines = {line[0]: line[1:] for line in stages(_found()["stages"])}
    assert lines["normalize, thread"] == ["315,000", "10 %", "0.60 ± 0 %", "1.20 ± 0 %", "", ""]
    assert lines["floor"] == ["525,000", "10 %", "", "2.00 ± 0 %", "", ""]
    assert "normalize" not in lines  # it is one of the two modes, named for the aims


def test_only_what_was_measured_has_a_table():
    found = _found()
    assert [title for title, _, _ in tables(found)] == [
        "2,000,000 frames, 2 rounds, jobs run in thread mode", "as entities grow",
        "other frameworks, the light loop's work", "aims",
    ]  # fmt: skip
    assert all(len(line) == len(head) for _, head, lines in tables(found) for line in lines)


def test_aims_read_the_ratios():
    verdicts = {one["aim"]: (one["figure"], one["met"]) for one in _found()["aims"]}
    assert verdicts["normalize, of the light loop"] == (1.2, True)
    assert verdicts["normalize, of the floor"] == (0.6, True)
    assert verdicts["normalize, of the same-work loop"] == (None, None)


def test_the_block_is_replaced_and_nothing_else():
    text = f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n"
    first = replaced(text, _found())
    assert first.startswith("before\n\n" + BEGIN)
    assert first.endswith(END + "\n\nafter\n")
    assert "old" not in first
    assert "| normalize, thread | 315,000 | 10 % | 0.60 ± 0 % | 1.20 ± 0 % |  |  |" in first
    assert "Commit abc, 29 November 2026, 2 cores." in first
    assert replaced(first, _found()) == first


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_text_without_one_block_is_refused(text):
    with pytest.raises(ValueError, match="one block"):
        replaced(text, _found())


def test_the_readme_has_the_block():
    assert block(_found()) in replaced(README.read_text(encoding="utf-8"), _found())


def test_a_lake_is_told_by_requests_tables_and_queries():
    found = {
        "requests": {"feeding": {"PUT": 1200, "GET": 300}, "upkeep": {"GET": 7}},
        "tables": {"silver_trade": {"bytes_a_record": 41.5, "files": [20, 2]}},
        "queries": {"silver_trade, Spark": [2.0, 1.25]},
    }
    assert lake(found) == [
        ["requests of feeding, a million events", "1,500: PUT 1,200, GET 300"],
        ["requests of upkeep, a million events", "7: GET 7"],
        ["silver_trade", "41.5 bytes a record, 20 and 2 files"],
        ["all of silver_trade, Spark", "2.00 s and 1.25 s"],
    ]
