"""The venue cancels and corrects trades: fresh revisions are applied by the stream, and every store is equal to the
batch and to an oracle without a repair. Of trades older than the log the stream says what a replay must compute.
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
from support.oracle import LENGTHS
from support.pipeline import bar_key
from support.revised import revised_bars
from support.topics import records, view

from collectors.sim import SimSpec, Simulator
from devstack.chaos.audit import Audit
from operations.repairs import count_open

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


OLD = "sim:OLDUSDT"
NOON = 1_767_614_400_000  # 2026-01-05T12:00Z, ms: another day than the simulator's


def trade(number):
    """One trade a second, of an instrument of its own."""
    time = NOON + 1_000 * number
    body = {"e": "trade", "E": time, "T": time, "s": "OLDUSDT", "t": number, "p": f"{100 + number}", "q": "2"}
    return {**body, "m": number % 3 == 0}


def revision(number, of, at, price=None):
    """A revision of the trade ``of``, made when the trade ``at`` was."""
    time = NOON + 1_000 * at
    body = {"E": time, "T": time, "s": "OLDUSDT", "i": number, "t": of, "O": NOON + 1_000 * of, "r": number}
    if price is None:
        return {"e": "tradeCancel", **body}
    return {"e": "tradeCorrect", **body, "p": price, "q": "3"}


def feed_old(stack, path, bodies):
    """Feed frames, each received 50 ms after its event."""
    lines = [f"{(body['E'] + 50) * 1_000_000} {json.dumps(body, separators=(',', ':'))}\n" for body in bodies]
    path.write_text("".join(lines))
    stack.json("feed", "sim", "--capture", str(path))
    return stack.json("drain", "--timeout", "600")


def positions(bodies):
    """Return frames with their positions in the logs of their kinds."""
    counts = Counter()
    for body in bodies:
        counts[body["e"]] += 1
        yield body, counts[body["e"]]


def asked(stack):
    rows = records(stack.settings.kafka.bootstrap_servers, "repair.analytics.v1", "repair_request")
    assert {row["reason"] for row in rows} <= {"revised"}
    return [(row["entity_id"], row["window_start"], row["window_end"]) for row in rows]


def windows_of(number, *names):
    time = 1_000 * (NOON + 1_000 * number)
    lengths = {name: seconds * 1_000_000 for name, seconds in LENGTHS.items() if not names or name in names}
    return {(OLD, time // length * length, time // length * length + length) for length in lengths.values()}


def test_fresh_revisions_need_no_repair(pipeline):
    broker = pipeline.settings.kafka.bootstrap_servers
    manifest = feed(pipeline, FRAMES)["manifest"]["normalized"]
    frames = accepted(FRAMES)
    sent = Counter(body["e"] for rows in frames.values() for body, _ in rows)
    assert (manifest["trade_cancel"], manifest["trade_correct"]) == (sent["tradeCancel"], sent["tradeCorrect"])
    for kind in ("trade_cancel", "trade_correct"):
        assert len(records(broker, f"normalized.{kind}.v1", kind)) == manifest[kind] > 20
    expected, revised = oracle(frames)
    assert len(revised) > 20
    assert asked(pipeline) == []
    assert_equal(pipeline, expected)


def test_revisions_of_old_trades_are_repaired(pipeline, tmp_path):
    """Ten minutes of trades; then the first is cancelled and the second corrected, and a fresh one cancelled."""
    trades = [trade(n) for n in range(1, 601)]
    old = [revision(1, 1, 600), revision(2, 2, 600, "7.5")]
    fresh = [revision(3, 590, 600)]
    feed(pipeline, FRAMES)
    feed_old(pipeline, tmp_path / "trades", [*trades, *fresh])
    assert asked(pipeline) == []
    feed_old(pipeline, tmp_path / "old", old)
    left = windows_of(1) | windows_of(2)
    assert set(asked(pipeline)) == left
    feed_old(pipeline, tmp_path / "more", [trade(601)])
    assert set(asked(pipeline)) == left
    assert Counter(asked(pipeline)).keys() >= windows_of(601, "1h", "1d")

    expected, _ = oracle(accepted(FRAMES))
    expected |= revised_bars(positions([*trades, *fresh, *old, trade(601)]), OLD)
    before = view(published(pipeline), bar_key)
    keys = {key for key in expected if key[0] == OLD}
    behind = {key for key in keys if before[key]["version"] < expected[key]["version"]}
    assert {(key[0], key[2], key[2] + LENGTHS[key[1]] * 1_000_000) for key in behind} == left
    count = len(asked(pipeline))
    assert suite(pipeline)["polyglot_repair_requests_open", "revised"] == count

    # However often a window asked: it is published once, and so is nothing else.
    done = pipeline.json("repair")
    assert (done["requests"], done["published"]) == (count, len(left))
    assert_equal(pipeline, expected)
    exposed = suite(pipeline)
    assert exposed["polyglot_repair_requests_total", "revised"] == count
    assert exposed["polyglot_repair_requests_open", "revised"] == 0


def test_a_watch_restates_while_trading_goes_on(pipeline, tmp_path):
    """The hour and the day of the test before are left to repair: each further trade asks for them again."""
    command = [sys.executable, "-m", "polyglot.cli", "repair", "--watch", "--every", "1"]
    log = pipeline.layout.logs / "watch.out"
    with log.open("w") as output, subprocess.Popen(command, env=pipeline.env, stderr=output) as watch:
        try:
            feed(pipeline, MORE)
            feed_old(pipeline, tmp_path / "rest", [trade(n) for n in range(602, 620)])
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
    every = [*(trade(n) for n in range(1, 620)), revision(3, 590, 600), revision(1, 1, 600), revision(2, 2, 600, "7.5")]
    assert_equal(pipeline, expected | revised_bars(positions(every), OLD))
