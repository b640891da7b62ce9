"""The suite's metrics: counted as the commands count, named and written as Prometheus expects, served on loopback."""

import json
import signal
import threading
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client import start_http_server
from prometheus_client.parser import text_string_to_metric_families
from support.metrics import key, samples

from operations import repairs
from operations.attention import Attention
from operations.dead_letters.flags import Line
from operations.lag import GroupLag
from operations.metrics import counts, exposition
from operations.metrics.counts import Counts
from operations.metrics.exposition import registry, text
from operations.repairs import Asked
from polyglot.cli import _signals, run
from polyglot.cli import metrics as command
from runtime import offsets
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.ports import free_ports
from runtime.records import Record
from schemas.quality import parse
from udfs.wire.repair_requests import RepairRequest

LETTERS = [
    {"domain": "normalization", "reason": "late", "topic": "raw.sim.trade.v1", "count": 7},
    {"domain": "ingestion", "reason": "conflict", "topic": "raw.sim.trade.v1", "count": 2},
]
FOUND = Counts(
    dead_letters=LETTERS,
    requests={"revised": Asked(9, 4), "behind_watermark": Asked(3, 0)},
    amendments=1,
    amended_events=5,
    quality=[Line("normalized.quote.v1", 'a "wide" \\ quote', "flag", 3)],
    lag=[GroupLag("polyglot-normalize", {"raw.sim.trade.v1": 8, "raw.sim.quote.v1": 0})],
)


def test_every_count_is_a_sample_by_the_parser():
    assert samples(text(FOUND)) == {
        ("polyglot_broker_up",): 1,
        ("polyglot_dead_letters_total", "normalization", "late", "raw.sim.trade.v1"): 7,
        ("polyglot_dead_letters_total", "ingestion", "conflict", "raw.sim.trade.v1"): 2,
        ("polyglot_repair_requests_total", "revised"): 9,
        ("polyglot_repair_requests_total", "behind_watermark"): 3,
        ("polyglot_repair_requests_open", "revised"): 4,
        ("polyglot_repair_requests_open", "behind_watermark"): 0,
        ("polyglot_amendments_total",): 1,
        ("polyglot_amended_events_total",): 5,
        ("polyglot_quality_records_total", "flag", 'a "wide" \\ quote', "normalized.quote.v1"): 3,
        ("polyglot_consumer_lag_records", "polyglot-normalize", "raw.sim.trade.v1"): 8,
        ("polyglot_consumer_lag_records", "polyglot-normalize", "raw.sim.quote.v1"): 0,
    }


def test_names_and_types_follow_the_conventions():
    for family in text_string_to_metric_families(text(FOUND)):
        assert family.name.startswith("polyglot_")
        assert family.documentation
        assert family.type in {"counter", "gauge"}
        assert all(one.name.endswith("_total") == (family.type == "counter") for one in family.samples)


def test_letters_are_read_once_and_judged_by_the_commands_own_code(monkeypatch):
    letter = SimpleNamespace(
        domain="normalization", reason="quality.dear", topic="raw.sim.trade.v1", entity_id="sim:A", event_time=1,
        contract="trade.v1", dead_letter_id="x",
    )  # fmt: skip
    readings = []
    monkeypatch.setattr(counts, "dead_letters", lambda *_: readings.append(1) or [letter, letter])
    monkeypatch.setattr("operations.dead_letters.flags.dead_letters", lambda *_: pytest.fail("read a second time"))
    monkeypatch.setattr("operations.dead_letters.flags.records", lambda *_: ())
    waiting = Attention(0, {}, complete=True, amendments=2, amended_events=6, to_amend=0, conflicts=0)
    monkeypatch.setattr(counts, "attention", lambda _: waiting)
    monkeypatch.setattr(counts, "count_by_reason", lambda _: {})
    monkeypatch.setattr(counts, "collect_groups", lambda _: [])
    found = counts.count(Settings(), parse(""))
    assert readings == [1]
    assert [(one["reason"], one["count"]) for one in found.dead_letters] == [("quality.dear", 2)]
    assert found.quality == [Line("normalized.trade.v1", "dear", "fail", 2)]
    assert (found.amendments, found.amended_events) == (2, 6)
    monkeypatch.setattr(counts, "attention", lambda _: None)
    with pytest.raises(CommandError) as gone:
        counts.count(Settings(), parse(""))
    assert gone.value.code == Exit.UNAVAILABLE


def test_a_request_is_open_until_its_offset_is_committed(monkeypatch):
    made = [RepairRequest("sim:A", "trade", 5_000_000, reason).encode() for reason in ("revised", "revised", "gap")]
    log = [Record(repairs.TOPIC, 0, offset, value) for offset, value in enumerate([*made, b"junk"])]
    place = (repairs.TOPIC, 0)
    monkeypatch.setattr(repairs, "_extent", lambda _: ({place: 0}, {place: 1}, {place: 4}))
    monkeypatch.setattr(repairs, "read", lambda _settings, begin, end: iter(log[begin[place] : end[place]]))
    assert repairs.count_by_reason(Settings()) == {
        "revised": Asked(2, 1), "gap": Asked(1, 1), "(not readable)": Asked(1, 1),
    }  # fmt: skip


def test_an_answer_is_kept_for_a_while_and_an_absent_broker_is_an_answer():
    answers = iter([FOUND, CommandError("gone"), FOUND])

    def count():
        answer = next(answers)
        if isinstance(answer, CommandError):
            raise answer
        return answer

    def scrape(found):
        return samples(exposition.generate_latest(found).decode())

    kept = registry(count, 3_600.0)
    assert scrape(kept) == scrape(kept) == samples(text(FOUND))
    fresh = registry(count, 0.0)
    assert scrape(fresh) == {("polyglot_broker_up",): 0}
    assert scrape(fresh)[("polyglot_broker_up",)] == 1


def test_printed_as_text_or_json(monkeypatch, capsys):
    monkeypatch.setattr(counts, "count", lambda *_: FOUND)
    assert run(["metrics"]) == Exit.OK
    printed = samples(capsys.readouterr().out)
    assert printed == samples(text(FOUND))
    assert run(["metrics", "--json"]) == Exit.OK
    document = json.loads(capsys.readouterr().out)
    assert {key(one["name"], one["labels"]): one["value"] for one in document} == printed


def test_served_until_it_is_told_to_stop(monkeypatch):
    (port,) = free_ports(1)
    monkeypatch.setattr(counts, "count", lambda *_: FOUND)
    stop = threading.Event()
    monkeypatch.setattr(command, "until_stopped", lambda: stop)
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run(["metrics", "--serve", "--port", str(port)])))
    thread.start()
    try:
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(transport=transport) as client:
            answer = client.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
    finally:
        stop.set()
        thread.join(20)
    assert codes == [Exit.OK]
    assert answer.headers["content-type"].startswith("text/plain")
    assert samples(answer.text) == samples(text(FOUND))


def test_a_taken_port_is_named_with_what_moves_it(capsys):
    (port,) = free_ports(1)
    server, thread = start_http_server(port, addr="127.0.0.1")
    try:
        assert run(["metrics", "--serve", "--port", str(port)]) == Exit.FAILED
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    said = capsys.readouterr().err
    assert f"port {port}" in said
    assert "POLYGLOT_METRICS__PORT" in said


def test_wrong_usage_and_no_broker(monkeypatch, capsys):
    assert run(["metrics", "--serve", "--json"]) == Exit.USAGE
    monkeypatch.setenv("POLYGLOT_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setattr(offsets, "_TIMEOUT_S", 0.5)
    assert run(["metrics"]) == Exit.UNAVAILABLE
    assert run(["metrics", "--help"]) == Exit.OK
    assert "Exit codes" in capsys.readouterr().out


def test_a_signal_ends_what_stays():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop = _signals.until_stopped()
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(5)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
