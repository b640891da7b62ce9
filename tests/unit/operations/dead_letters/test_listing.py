"""Dead letters and quality flags as the commands show them, from records as the topics hold them."""

import json
from contextlib import contextmanager
from dataclasses import fields

import pytest
from typer.testing import CliRunner

from batch.spark import bronze
from operations.dead_letters import flags, listing
from operations.dead_letters.listing import DeadLetterEntry, Filter, printable
from operations.dead_letters.redrive import Known, copies
from polyglot.cli import build, deadletters
from runtime.console import CommandError
from runtime.flink_rest import innermost
from runtime.readers import conflicts
from schemas.quality import parse
from udfs.ingest.conflicts import LogPosition, conflict
from udfs.wire.envelope import decode, encode_one

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
    return [int(one.dead_letter_id.rsplit(":", 1)[1]) for one in listing.dead_letters(None, Filter(**wanted))]


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
    assert [one["id"] for one in found["dead_letters"]] == ["sim:A:trade:4", "sim:A:trade:5"]


def test_show_has_the_record_decoded_and_its_bytes():
    (shown,) = run("deadletters", "show", "sim:A:trade:1")
    assert shown["envelope"]["payload"] == '{"e":"trade"}'
    assert bytes.fromhex(shown["record_hex"]) == VALUE
    (bad,) = run("deadletters", "show", "sim:A:trade:5")
    assert (bad["envelope"], bad["record_hex"], bad["reason"]) == (None, "ff00", "bad_magic")


FIRST = encode_one("sim:A:trade:1", "sim:A", "sim", "trade", MIDNIGHT, "venue", MIDNIGHT, "b", 7, b'{"e":"first"}')
CONFLICT = conflict(decode([VALUE])[0].row(0), VALUE, 2, LogPosition("raw.sim.trade.v1", 3, 40), 1)


@pytest.fixture
def in_conflict(monkeypatch):
    """One conflict's dead letter; what Kafka and Bronze have at the place of the first copy is in ``there``."""
    there = {"kafka": FIRST, "bronze": None}
    record = {field.name: getattr(CONFLICT, field.name) for field in fields(CONFLICT)}
    monkeypatch.setattr(listing, "records", lambda settings, topics, name: iter([(topics[0], record)]))
    places = []

    def at(name):
        def found(*place):
            places.append((name, *place[-3:]))
            return there[name]

        return found

    @contextmanager
    def spark(settings, console, name):
        yield None

    monkeypatch.setattr(conflicts, "value_at", at("kafka"))
    monkeypatch.setattr(deadletters, "spark", spark)
    monkeypatch.setattr(bronze, "read_bronze", lambda session, uri: None)
    monkeypatch.setattr(bronze, "envelope_at", at("bronze"))
    yield there
    assert {place[1:] for place in places} == {("raw.sim.trade.v1", 3, 40)}


def shown_first():
    (shown,) = run("deadletters", "show", CONFLICT.dead_letter_id)
    assert shown["envelope"]["payload"] == '{"e":"trade"}'
    first = shown["first_copy"]
    assert (first["topic"], first["partition"], first["offset"]) == ("raw.sim.trade.v1", 3, 40)
    return first


def test_a_conflict_is_shown_with_both_contents(in_conflict):
    first = shown_first()
    assert (first["found_in"], first["envelope"]["payload"]) == ("kafka", '{"e":"first"}')
    assert bytes.fromhex(first["record_hex"]) == FIRST
    done = CliRunner().invoke(build(), ["deadletters", "show", CONFLICT.dead_letter_id])
    assert '{\\"e\\":\\"trade\\"}' in done.stdout
    assert '{\\"e\\":\\"first\\"}' in done.stdout


@pytest.mark.parametrize("kept", [None, VALUE.replace(b"trade:1", b"trade:2")])
def test_the_first_copy_is_in_bronze_when_its_topic_has_it_no_more(in_conflict, kept):
    """Retention has cut it, or the topic was made anew and something else lies at its place."""
    in_conflict.update(kafka=kept, bronze=FIRST)
    first = shown_first()
    assert (first["found_in"], bytes.fromhex(first["record_hex"])) == ("bronze", FIRST)


def test_a_first_copy_that_is_gone_is_said_to_be(in_conflict, monkeypatch):
    in_conflict.update(kafka=None)
    assert shown_first() == {
        "topic": "raw.sim.trade.v1", "partition": 3, "offset": 40, "found_in": None, "envelope": None,
        "record_hex": None,
    }  # fmt: skip
    asked = CliRunner().invoke(build(), ["deadletters", "show", CONFLICT.dead_letter_id])
    assert "kafka_partition = 3 AND kafka_offset = 40" in asked.stderr
    monkeypatch.setattr(bronze, "read_bronze", no_bronze)
    assert shown_first()["found_in"] is None


def no_bronze(session, uri):
    raise CommandError("no Bronze")


def test_redrive_leaves_to_amend_what_came_too_late_and_sends_nothing_that_was_amended():
    found = [
        DeadLetterEntry(**record(n, reason)) for n, reason in ((1, "late"), (2, "behind_dedup_window"), (3, "future"))
    ]
    found += [DeadLetterEntry(**record(4)), DeadLetterEntry(**record(5))]
    known = Known({}, amended=frozenset({("raw.sim.trade.v1", "sim:A", "sim:A:trade:4")}))
    sent, skipped = copies(found, known)
    assert [one.original_id for one in sent] == ["sim:A:trade:5"]
    whys = [one.why for one in skipped]
    assert ["polyglot amend" in why for why in whys] == [True, True, False, False]
    assert "was amended" in whys[3]


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
