"""Dead letters and quality flags as the commands show them, from records as the topics hold them."""

import json

import pytest
from typer.testing import CliRunner

from polyglot.cli import build
from polyglot.console import CommandError
from polyglot.jobs.rest import innermost
from polyglot.letters import flags, listing
from polyglot.letters.listing import Filter, printable
from schemas.quality import parse
from udfs.envelope import encode_one

MIDNIGHT = 1_723_161_600_000_000
VALUE = encode_one("sim:A:trade:1", "sim:A", "sim", "trade", MIDNIGHT, "venue", MIDNIGHT, "a", 1, b'{"e":"trade"}')


def record(number, reason="quality.dear", **changed):
    return {
        "dead_letter_id": f"sim:A:trade:{number}", "domain": "normalization", "topic": "raw.sim.trade.v1",
        "entity_id": "sim:A", "reason": reason, "detail": "price: expected <= 1, got 2", "contract": "trade.v1",
        "event_time": MIDNIGHT + number, "record": VALUE, **changed,
    }  # fmt: skip


LETTERS = [
    record(1), record(1), record(2), record(3, "late"), record(4, "qualityless", entity_id="sim:B"),
    record(5, "bad_magic", domain="ingestion", record=b"\xff\x00", contract="raw_envelope.v1"),
]  # fmt: skip
FLAG = {"rule": "wide", "topic": "normalized.quote.v1", "entity_id": "sim:A", "event_id": "x", "event_time": MIDNIGHT,
        "observed": "2", "expected": "<= 1"}  # fmt: skip


ADJUSTED = {
    "adjustment_factor": [
        {"entity_id": "reference:A", "ex_date": ex_date, "rules": rules}
        for ex_date, rules in [
            (1, "dividend_out_of_line"), (1, "currency_mismatch,dividend_out_of_line"),
            (2, "dividend_out_of_line"), (3, ""),
        ]
    ],
    # What is said of a factor is repeated in its bars, and counts once.
    "adjusted_bar": [
        {"entity_id": "reference:A", "date": 1, "as_of": as_of, "rules": "dividend_out_of_line,out_of_range"}
        for as_of in (1, 1, 2)
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def topics(monkeypatch):
    def records(settings, topics, name, words=()):
        found = {"dead_letter": LETTERS, "quality_flag": [FLAG, FLAG, {**FLAG, "event_id": "y"}], **ADJUSTED}[name]
        return ((topics[0], dict(one)) for one in found)

    monkeypatch.setattr(listing, "records", records)
    monkeypatch.setattr(flags, "records", records)


def ids(**wanted):
    return [int(one.dead_letter_id.rsplit(":", 1)[1]) for one in listing.letters(None, Filter(**wanted))]


def test_filters():
    assert ids() == [1, 2, 3, 4, 5]
    assert ids(reason="quality") == ids(reason="quality.dear") == [1, 2]
    assert ids(domain="ingestion") == [5]
    assert ids(entity="sim:B") == [4]
    assert ids(since=MIDNIGHT + 3) == [3, 4, 5]
    assert ids(ids=("sim:A:trade:2",)) == [2]
    with pytest.raises(CommandError, match="no such dead letter: nobody"):
        ids(ids=("nobody",))


def run(*arguments):
    done = CliRunner().invoke(build(), [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_ls_counts_each_letter_once():
    found = run("deadletters", "ls", "--limit", "2")
    assert found["count"] == 5
    assert [(one["reason"], one["count"]) for one in found["groups"]] == [
        ("bad_magic", 1), ("late", 1), ("quality.dear", 2), ("qualityless", 1),
    ]  # fmt: skip
    assert found["groups"][2]["first"] == "2024-08-09T00:00:00.000001Z"
    assert [one["id"] for one in found["letters"]] == ["sim:A:trade:4", "sim:A:trade:5"]


def test_show_has_the_record_decoded_and_its_bytes():
    (shown,) = run("deadletters", "show", "sim:A:trade:1")
    assert shown["envelope"]["payload"] == '{"e":"trade"}'
    assert bytes.fromhex(shown["record_hex"]) == VALUE
    (bad,) = run("deadletters", "show", "sim:A:trade:5")
    assert (bad["envelope"], bad["record_hex"], bad["reason"]) == (None, "ff00", "bad_magic")


def test_redrive_wants_to_know_which():
    assert CliRunner().invoke(build(), ["deadletters", "redrive"]).exception.code == 2


def test_quality_counts_by_rule_and_topic(monkeypatch):
    declared = parse(
        '["normalized.trade.v1".dear]\ntype="range"\naction="fail"\nfield="price"\nmost="1"\n'
        '["normalized.trade.v1".still]\ntype="staleness"\naction="stop"\nlongest="1s"\n'
        '["analytics.adjustment_factor.v1".dividend_exceeds_close]\ntype="adjustment"\naction="flag"\nlimit="1"\n'
    )
    found = [(one.topic, one.rule, one.action, one.count) for one in flags.counts(None, declared)]
    assert found == [
        ("analytics.adjusted_bar.v1", "out_of_range", "flag", 2),
        ("analytics.adjustment_factor.v1", "currency_mismatch", "flag", 1),
        ("analytics.adjustment_factor.v1", "dividend_exceeds_close", "flag", 0),
        ("analytics.adjustment_factor.v1", "dividend_out_of_line", "flag", 2),
        ("normalized.quote.v1", "wide", "flag", 2),
        ("normalized.trade.v1", "dear", "fail", 2),
        ("normalized.trade.v1", "still", "stop", 0),
    ]


def test_payloads_are_shown_as_what_they_are():
    assert printable(b'{"a":1}') == '{"a":1}'
    assert printable(b"a\nb") == '"a\\nb"'
    assert printable(b"\xff") == "0xff"


def test_the_innermost_cause_of_a_failure():
    trace = "x.SuppressRestarts: for good\n\tat a.B.c(B.java:1)\nCaused by: y.Z: rule: r\n\t... 3 more"
    assert innermost(trace) == "rule: r"
    assert innermost("a.B: only this\n\tat x") == "only this"
    assert innermost("") == ""
