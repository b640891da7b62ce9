"""The venue cancels and corrects trades: the stream never contradicts a revision that it knows, and says what a replay
must compute; after that replay every store is equal to the batch and to an oracle.
"""

import json
from collections import Counter, defaultdict
from decimal import Decimal

import pytest
from support.pipeline import bar_key
from support.revised import revised_bars
from support.topics import records, view

from polyglot.chaos.audit import Audit
from polyglot.collect.sim import SimSpec, Simulator

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

SPEC = SimSpec(seed=11, symbols=3, malformed_share=0, cancel_share=0.005, correct_share=0.01, late_share=0.02)
FRAMES = 24_000
SPEC_OPTIONS = ("--seed", "11", "--symbols", "3", "--malformed", "0", "--cancels", "0.005", "--corrections", "0.01",
                "--late", "0.02")  # fmt: skip


def accepted():
    """Return (entity → frames with their positions in the log), each event once."""
    seen, found = set(), defaultdict(list)
    for block in Simulator(SPEC, FRAMES).blocks(0):
        for seq, payload, entity, channel, event_id in zip(
            block.seq, block.payload, block.entity_id, block.channel, block.event_id, strict=True
        ):
            if event_id not in seen and channel in ("trade", "trade_cancel", "trade_correct"):
                seen.add(event_id)
                found[entity].append((json.loads(payload)["data"], seq))
    return found


def test_bars_are_restated(pipeline):
    broker = pipeline.settings.kafka.bootstrap_servers
    fed = pipeline.json("feed", "sim", "--simulate", str(FRAMES), *SPEC_OPTIONS)
    pipeline.json("drain", "--timeout", "400")
    manifest = fed["manifest"]["normalized"]
    frames = accepted()
    sent = Counter(body["e"] for rows in frames.values() for body, _ in rows)
    assert (manifest["trade_cancel"], manifest["trade_correct"]) == (sent["tradeCancel"], sent["tradeCorrect"])
    for kind in ("trade_cancel", "trade_correct"):
        assert len(records(broker, f"normalized.{kind}.v1", kind)) == manifest[kind] > 20

    expected = {}
    for entity, rows in frames.items():
        expected |= revised_bars(rows, entity)
    revised = {key for key, bar in expected.items() if bar["version"] > bar["trade_count"]}
    asked = {
        (row["entity_id"], row["window_start"], row["window_end"])
        for row in records(broker, "repair.analytics.v1", "repair_request")
        if row["reason"] == "revised"
    }
    lengths = {"1s": 1, "1m": 60, "5m": 300, "1h": 3_600, "1d": 86_400}
    assert asked == {(entity, start, start + lengths[name] * 1_000_000) for entity, name, start in revised}
    before = view(records(broker, "analytics.bar.v1", "bar"), bar_key)
    assert all(before[key]["version"] < expected[key]["version"] for key in revised & before.keys())
    assert all(before[key]["version"] == expected[key]["version"] for key in expected.keys() - revised)

    done = pipeline.json("replay", "--publish")
    assert done["published"]["bar"] == len(expected)
    pipeline.json("drain", "--timeout", "400")
    found = pipeline.json("verify", "--fail-on-empty")
    assert found["differences"] == 0
    assert {table["table"]: table["found"] for table in found["tables"]}["gold_bar"] == len(expected)
    after = view(records(broker, "analytics.bar.v1", "bar"), bar_key)
    assert after.keys() == expected.keys()
    for key, bar in expected.items():
        got = {name: after[key][name] for name in bar}
        got |= {name: Decimal(after[key][name]) for name in ("notional", "buy_notional")}
        assert got == bar, key
    topics = Audit(pipeline.settings).run()
    assert (topics["missing_sequence_numbers"], topics["conflicting_copies"]) == (0, 0)
