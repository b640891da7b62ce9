"""Rules on the real stack: one stops the job for good, then rejects, and a fix and a redrive bring the records back."""

import time

import pytest
from support.metrics import suite
from support.patience import wait_for
from support.pipeline import tables
from support.stack import started
from support.topics import records

from devstack.demo.reconciliation import reconcile
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

DEAR = """
["normalized.trade.v1".too_dear]
type = "range"
action = "{}"
field = "price"
most = "10000"
"""
FEED = ["feed", "sim", "--seed", "3", "--symbols", "5", "--malformed", "0.01", "--rate", "2000"]
TOPIC = "normalized.trade.v1"


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A stack whose jobs were submitted under a rule that stops at dear trades."""
    with started(tmp_path_factory.mktemp("quality"), DEAR.format("stop")) as one:
        yield one


def restart(stack, rules):
    """Give the normalize job other rules, from where it was."""
    stack.rules.write_text(rules)
    with FlinkRest(stack.settings.flink.url) as rest:
        if job := rest.job("normalize"):
            rest.cancel(job.id)
        wait_for(lambda: rest.job("normalize") is None, 60, "normalize did not end")
    (done,) = stack.json("submit", "normalize")
    assert done["restored_from"]


def line(stack, rule):
    return {(one["rule"], one["action"]): one["count"] for one in stack.json("quality")}[rule]


def trades(stack):
    return records(stack.settings.kafka.bootstrap_servers, TOPIC, "trade")


def written(stack):
    return sum(OffsetReader(stack.settings).ends([TOPIC]).values())


def test_a_stop_ends_the_job_before_it_writes_and_says_why(strict):
    strict.json("drain", "--timeout", "600")  # with a checkpoint of every job
    strict.json(*FEED, "--simulate", "3000")

    def failed():
        job = next(one for one in strict.json("jobs") if one["name"] == "normalize")
        return job["state"] == "FAILED" and job

    job = wait_for(failed, 90, "normalize did not stop", every=0.5)
    assert f"quality rule too_dear of {TOPIC} stops the job at sim:BTCUSDT:trade:" in job["cause"]
    assert "expected <= 10000" in job["cause"]
    assert [one for one in trades(strict) if one["price"] > 10_000] == []
    assert "stops the job" in strict.run("drain", "--timeout", "60").stderr
    # It does not come back by itself.
    time.sleep(3)
    assert next(one for one in strict.json("jobs") if one["name"] == "normalize")["id"] == job["id"]


def test_rejected_fixed_and_redriven(strict):
    before = written(strict)
    restart(strict, DEAR.format("fail"))
    strict.json("drain", "--timeout", "600")
    assert written(strict) > before  # goes on behind what stopped it
    listed = strict.json("deadletters", "ls", "--reason", "quality", "--limit", "1")
    rejected = listed["count"]
    assert rejected > 50
    assert listed["groups"][0]["topic"] == "raw.sim.trade.v1"
    assert line(strict, ("too_dear", "fail")) == rejected
    (shown,) = strict.json("deadletters", "show", listed["dead_letters"][0]["id"])
    assert shown["contract"] == "trade.v1"
    assert '"e":"trade"' in shown["envelope"]["payload"]
    accepted = len({one["event_id"] for one in trades(strict)})

    restart(strict, DEAR.format("flag"))
    sent = strict.json("deadletters", "redrive", "--reason", "quality.too_dear")
    assert (sent["sent"], sent["skipped"]) == (rejected, [])
    strict.json("drain", "--timeout", "600")
    found = strict.json("verify")
    assert found["differences"] == 0
    books = reconcile(strict.settings, found)
    assert all(books["balance"].values()), books
    assert books["normalized"] == books["silver"]
    assert books["trades"] == accepted + rejected
    assert books["dead_letters_by_reason"]["quality.too_dear"] == rejected
    assert line(strict, ("too_dear", "flag")) == tables(found)["quality.normalization.v1"] == rejected
    exposed = suite(strict)
    letters = "polyglot_dead_letters_total", "normalization", "quality.too_dear", "raw.sim.trade.v1"
    assert exposed[letters] == exposed["polyglot_quality_records_total", "flag", "too_dear", TOPIC] == rejected
    assert exposed["polyglot_consumer_lag_records", "polyglot-normalize", "raw.sim.trade.v1"] >= 0
    dear = {one["event_id"] for one in trades(strict) if one["source_id"].startswith("redrive:")}
    assert dear == {one["id"] for one in sent["copies"]}
    bars = records(strict.settings.kafka.bootstrap_servers, "analytics.bar.v1", "bar")
    assert max(bar["high"] for bar in bars) > 10_000
    # A second time there is nothing to send.
    again = strict.json("deadletters", "redrive", "--reason", "quality.too_dear")
    assert (again["sent"], len(again["skipped"])) == (0, rejected)
