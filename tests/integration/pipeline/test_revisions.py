"""The venue cancels and corrects trades: the stream never contradicts a revision that it knows, and says what a replay
must compute; once `repair` has answered, every store is equal to the batch and to an oracle.
"""

import json
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from decimal import Decimal

import pytest
from support.metrics import suite
from support.pipeline import bar_key
from support.revised import revised_bars
from support.topics import records, view

from polyglot.chaos.audit import Audit
from polyglot.collect.sim import SimSpec, Simulator
from polyglot.jobs.repairs import count_open

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

SPEC = SimSpec(seed=11, symbols=3, malformed_share=0, cancel_share=0.005, correct_share=0.01, late_share=0.02)
FRAMES, MORE = 24_000, 30_000
SPEC_OPTIONS = ("--seed", "11", "--symbols", "3", "--malformed", "0", "--cancels", "0.005", "--corrections", "0.01",
                "--late", "0.02")  # fmt: skip


def accepted(count):
    """Return (entity → frames with their positions in the log), each event once."""
    seen, found = set(), defaultdict(list)
    for block in Simulator(SPEC, count).blocks(0):
        for seq, payload, entity, channel, event_id in zip(
            block.seq, block.payload, block.entity_id, block.channel, block.event_id, strict=True
        ):
            if event_id not in seen and channel in ("trade", "trade_cancel", "trade_correct"):
                seen.add(event_id)
                found[entity].append((json.loads(payload)["data"], seq))
    return found


def oracle(frames):
    """Return the bars of these frames, and the keys of those with revisions."""
    expected = {}
    for entity, rows in frames.items():
        expected |= revised_bars(rows, entity)
    return expected, {key for key, bar in expected.items() if bar["version"] > bar["trade_count"]}


def feed(stack, count):
    """Feed the first `count` frames, as far as they were not fed before."""
    fed = stack.json("feed", "sim", "--simulate", str(count), *SPEC_OPTIONS)
    stack.json("drain", "--timeout", "600")
    return fed


def published(stack):
    return records(stack.settings.kafka.bootstrap_servers, "analytics.bar.v1", "bar")


def assert_equal(stack, expected):
    """Demand that nothing is open, and that topic and stores have what the batch and the oracle have."""
    assert stack.json("drain", "--timeout", "600")["open_repair_requests"] == 0
    found = stack.json("verify", "--fail-on-empty")
    assert found["differences"] == 0
    assert {table["table"]: table["found"] for table in found["tables"]}["gold_bar"] == len(expected)
    after = view(published(stack), bar_key)
    assert after.keys() == expected.keys()
    for key, bar in expected.items():
        got = {name: after[key][name] for name in bar}
        got |= {name: Decimal(after[key][name]) for name in ("notional", "buy_notional")}
        assert got == bar, key
    topics = Audit(stack.settings).run()
    assert (topics["missing_sequence_numbers"], topics["conflicting_copies"]) == (0, 0)


def test_bars_are_restated(pipeline):
    broker = pipeline.settings.kafka.bootstrap_servers
    manifest = feed(pipeline, FRAMES)["manifest"]["normalized"]
    frames = accepted(FRAMES)
    sent = Counter(body["e"] for rows in frames.values() for body, _ in rows)
    assert (manifest["trade_cancel"], manifest["trade_correct"]) == (sent["tradeCancel"], sent["tradeCorrect"])
    for kind in ("trade_cancel", "trade_correct"):
        assert len(records(broker, f"normalized.{kind}.v1", kind)) == manifest[kind] > 20

    expected, revised = oracle(frames)
    requests = records(broker, "repair.analytics.v1", "repair_request")
    asked = [
        (row["entity_id"], row["window_start"], row["window_end"]) for row in requests if row["reason"] == "revised"
    ]
    lengths = {"1s": 1, "1m": 60, "5m": 300, "1h": 3_600, "1d": 86_400}
    assert set(asked) == {(entity, start, start + lengths[name] * 1_000_000) for entity, name, start in revised}
    before = view(published(pipeline), bar_key)
    assert all(before[key]["version"] < expected[key]["version"] for key in revised & before.keys())
    assert all(before[key]["version"] == expected[key]["version"] for key in expected.keys() - revised)
    assert suite(pipeline)["polyglot_repair_requests_open", "revised"] == len(asked) > len(revised)

    # However often a window asked: it is published once, and so is nothing else.
    done = pipeline.json("repair")
    assert (done["requests"], done["published"]) == (len(requests), len(revised))
    assert_equal(pipeline, expected)
    exposed = suite(pipeline)
    assert exposed["polyglot_repair_requests_total", "revised"] == len(asked)
    assert exposed["polyglot_repair_requests_open", "revised"] == 0


def test_a_watch_restates_while_trading_goes_on(pipeline):
    """The windows of the test before have been revised and are open: each further trade asks for them again."""
    command = [sys.executable, "-m", "polyglot.cli", "repair", "--watch", "--every", "1"]
    log = pipeline.layout.logs / "watch.out"
    with log.open("w") as output, subprocess.Popen(command, env=pipeline.env, stderr=output) as watch:
        try:
            feed(pipeline, MORE)
            deadline = time.monotonic() + 240
            while count_open(pipeline.settings):
                assert watch.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.5)
        finally:
            watch.send_signal(signal.SIGTERM)
    assert watch.returncode == 0, log.read_text()
    assert "requests answered" in log.read_text()
    expected, _ = oracle(accepted(MORE))
    assert_equal(pipeline, expected)
