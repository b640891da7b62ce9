"""Proofs as records: what they keep of a report, and which one the next verification goes on from."""

import pytest

from operations import proofs
from operations.proofs import FAILED, LAST, PASSED, WHOLE, Proven, records
from runtime.config import Settings
from runtime.readers.log import decode
from runtime.records import Record
from udfs.wire.by_contract import encode

DAY = {"day": "2024-08-08", "replayed": 7, "found": 7, "replay_digest": "aa", "found_digest": "aa", "equal": True}
OTHER = {**DAY, "day": "2024-08-09", "found": 6, "found_digest": "ab", "equal": False}
TABLES = [
    {"table": "normalized.trade.v1", "status": "different", "differences": {"missing": 1}, "days": [DAY, OTHER]},
    {"table": "normalized.quote.v1", "status": "empty", "differences": {}, "days": []},
]
REPORT = {"entity": None, "engine": "spark", "passed": False, "records": 14, "differences": 1, "tables": TABLES}


def kept(report=REPORT, span=(None, None), instant="20240808", now=5):
    return list(records(report, span, instant, now))


def test_a_verification_is_a_record_for_each_table_and_day_and_one_of_the_whole():
    found = kept()
    assert [(one["table"], one["day"], one["status"], one["differences"]) for one in found] == [
        ("normalized.trade.v1", "2024-08-08", "equal", 1),
        ("normalized.trade.v1", "2024-08-09", "different", 1),
        ("normalized.quote.v1", "", "empty", 0),
        (WHOLE, "", FAILED, 1),
    ]
    assert {one["proof_id"] for one in found} == {found[-1]["replay_digest"][:32]}
    assert (found[-1]["replayed"], found[-1]["found"], found[-1]["range_end"]) == (14, 13, LAST)
    for one in found:
        assert decode("proof", encode("proof", one)) == one


def test_its_id_is_of_all_that_was_found_and_of_no_clock():
    one = kept()[0]["proof_id"]
    assert kept(now=6)[0]["proof_id"] == one
    assert kept(instant="20240809")[0]["proof_id"] != one
    assert kept(span=(0, 1))[0]["proof_id"] != one
    assert kept({**REPORT, "tables": TABLES[1:]})[0]["proof_id"] != one


@pytest.mark.parametrize("order", [1, -1])
def test_the_next_one_goes_on_from_the_newest_that_passed(monkeypatch, order):
    passed = {**REPORT, "passed": True}
    runs = [kept(passed, instant="1", now=1), kept(passed, instant="2", now=2), kept(instant="3", now=3)][::order]
    values = [encode("proof", one) for run in runs for one in run]
    monkeypatch.setattr(
        proofs,
        "messages",
        lambda _settings, topics: [Record(topics[0], 0, at, value) for at, value in enumerate(values)],
    )
    (whole,) = [one for run in runs for one in run if one["status"] == PASSED and one["instant"] == "2"]
    assert proofs.last(Settings()) == Proven(whole["proof_id"], "2", 2)
    values.clear()
    assert proofs.last(Settings()) is None
