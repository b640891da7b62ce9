"""Rules on the real stack: they reject, a fix and a redrive bring the records back, and one stops the job for good."""

import time

import pytest
from support.metrics import suite
from support.pipeline import tables
from support.stack import Stack
from support.topics import records

from polyglot.demo.accounts import accounts
from polyglot.jobs.offsets import OffsetReader
from polyglot.jobs.rest import FlinkRest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

DEAR = """
["normalized.trade.v1".too_dear]
type = "range"
action = "{}"
field = "price"
most = "10000"
"""
FEED = ["feed", "sim", "--seed", "3", "--symbols", "5", "--malformed", "0.01", "--rate", "2000"]


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A stack whose jobs were submitted under a rule that rejects dear trades; the rule's file is ``rules``."""
    folder = tmp_path_factory.mktemp("quality")
    one = Stack(folder, memory_mb=2560, slots=8)
    one.rules = folder / "quality.toml"
    one.rules.write_text(DEAR.format("fail"))
    one.env["POLYGLOT_QUALITY_FILE"] = str(one.rules)
    one.settings = one.settings.model_copy(update={"quality_file": one.rules})
    try:
        one.json("up")
        one.json("submit")
        yield one
    finally:
        one.close()


def restart(stack, rules):
    """Give the normalize job other rules, from where it was."""
    stack.rules.write_text(rules)
    with FlinkRest(stack.settings.flink.url) as rest:
        if job := rest.job("normalize"):
            rest.cancel(job.id)
        deadline = time.monotonic() + 60
        while rest.job("normalize") is not None:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    (done,) = stack.json("submit", "normalize")
    assert done["restored_from"]


def drained(stack):
    """Drain, verify, and return the books; they balance and nothing differs."""
    stack.json("drain", "--timeout", "300")
    found = stack.json("verify")
    assert found["differences"] == 0
    books = accounts(stack.settings, found)
    assert all(books["balance"].values()), books
    return found, books


def line(stack, rule):
    return {(one["rule"], one["action"]): one["count"] for one in stack.json("quality")}[rule]


def trades(stack):
    return records(stack.settings.kafka.bootstrap_servers, "normalized.trade.v1", "trade")


def test_rejected_fixed_and_redriven(strict):
    strict.json(*FEED, "--simulate", "3000")
    strict.json("drain", "--timeout", "300")
    listed = strict.json("deadletters", "ls", "--reason", "quality", "--limit", "1")
    rejected = listed["count"]
    assert rejected > 50
    assert listed["groups"][0]["topic"] == "raw.sim.trade.v1"
    assert line(strict, ("too_dear", "fail")) == rejected
    (shown,) = strict.json("deadletters", "show", listed["letters"][0]["id"])
    assert shown["contract"] == "trade.v1"
    assert '"e":"trade"' in shown["envelope"]["payload"]
    before = len(trades(strict))

    restart(strict, DEAR.format("flag"))
    sent = strict.json("deadletters", "redrive", "--reason", "quality.too_dear")
    assert (sent["sent"], sent["skipped"]) == (rejected, [])
    found, books = drained(strict)
    assert books["normalized"] == books["silver"]
    assert books["trades"] == before + rejected
    assert books["dead_letters_by_reason"]["quality.too_dear"] == rejected
    assert line(strict, ("too_dear", "flag")) == tables(found)["quality.normalization.v1"] == rejected
    exposed, topic = suite(strict), "normalized.trade.v1"
    letters = "polyglot_dead_letters_total", "normalization", "quality.too_dear", "raw.sim.trade.v1"
    assert exposed[letters] == exposed["polyglot_quality_records_total", "flag", "too_dear", topic] == rejected
    assert exposed["polyglot_consumer_lag_records", "polyglot-normalize", "raw.sim.trade.v1"] >= 0
    dear = {one["event_id"] for one in trades(strict) if one["source_id"].startswith("redrive:")}
    assert dear == {one["id"] for one in sent["copies"]}
    bars = records(strict.settings.kafka.bootstrap_servers, "analytics.bar.v1", "bar")
    assert max(bar["high"] for bar in bars) > 10_000
    # A second time there is nothing to send.
    again = strict.json("deadletters", "redrive", "--reason", "quality.too_dear")
    assert (again["sent"], len(again["skipped"])) == (0, rejected)


def test_a_stop_ends_the_job_before_it_writes_and_says_why(strict):
    topic = ["normalized.trade.v1"]
    strict.json("drain", "--timeout", "300")
    restart(strict, DEAR.format("stop"))
    before = OffsetReader(strict.settings).ends(topic)
    strict.json(*FEED, "--simulate", "6000")  # goes on behind the frames that were fed before
    deadline = time.monotonic() + 90
    while (job := next(one for one in strict.json("jobs") if one["name"] == "normalize"))["state"] != "FAILED":
        assert time.monotonic() < deadline, job
        time.sleep(0.5)
    assert "quality rule too_dear of normalized.trade.v1 stops the job at sim:BTCUSDT:trade:" in job["cause"]
    assert "expected <= 10000" in job["cause"]
    written = OffsetReader(strict.settings).ends(topic)
    dear = [one for one in trades(strict) if one["price"] > 10_000 and not one["source_id"].startswith("redrive:")]
    assert dear == []
    assert "stops the job" in strict.run("drain", "--timeout", "60").stderr
    # It does not come back by itself.
    time.sleep(3)
    assert next(one for one in strict.json("jobs") if one["name"] == "normalize")["id"] == job["id"]
    restart(strict, DEAR.format("flag"))
    drained(strict)
    assert sum(OffsetReader(strict.settings).ends(topic).values()) > sum(written.values()) >= sum(before.values())
