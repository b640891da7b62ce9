"""Gaps of the venue's numbers: equal to the plain ones, whatever is lost, disordered, late, cut, saved and restored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property import contract, dialects
from property.gap_oracle import PlainGaps
from property.oracle import PlainDedup, Raw, cut, envelope, read
from property.test_fold import CUTS, SAVES, Kept

from udfs.gate.assign import assign
from udfs.gate.topic_rules import Rules
from udfs.normalize import gaps
from udfs.normalize.normalizer import Normalizer
from udfs.quality import flags
from udfs.wire.envelope import decode

SECOND = 1_000_000
BEGIN = 1_723_161_600 * SECOND - 40 * SECOND  # crosses midnight
JUMP, MOST = 300, 7
TOPICS = [
    "raw.sim.trade.v1", "raw.binance_coinm.agg_trade.v1", "raw.coinbase.match.v1", "raw.binance_usdm.depth.v1",
    "raw.binance_spot.depth.v1",
]  # fmt: skip


def payload(topic: str, symbol: str, number: int, size: int, time: int) -> bytes:
    """Return a frame that carries ``number`` … ``number + size - 1`` where the channel can, else ``number``."""
    ms, channel = time // 1_000, topic.split(".")[2]
    if channel == "match":
        iso = f"2024-08-{8 + (ms // 1000 >= 1_723_161_600):02}T{ms // 3_600_000 % 24:02}:{ms // 60_000 % 60:02}"
        body = {"type": "match", "trade_id": number, "product_id": f"{symbol}-USD", "side": "buy", "price": "1"}
        return json.dumps(body | {"size": "2", "time": f"{iso}:{ms // 1000 % 60:02}.{ms % 1000:03}Z"}).encode()
    if channel == "depth":
        body = {"e": "depthUpdate", "E": ms, "s": symbol, "U": number, "u": number + size - 1}
        body |= {"b": [["1.0", "2"], ["0.9", "0"]], "a": []}
        if "usdm" in topic:  # futures skip numbers between frames, and name the one before
            body |= {"T": ms, "pu": number - 1, "U": number + size - 1}
    elif channel == "agg_trade":
        body = {"e": "aggTrade", "E": ms, "s": symbol, "a": number, "p": "1", "q": "1", "T": ms, "m": True}
    else:
        body = {"e": "trade", "E": ms, "s": symbol, "t": number, "p": "1", "q": "0" if number % 7 == 0 else "1"}
        body |= {"T": ms, "m": True}
    return json.dumps(body, separators=(",", ":") if number % 5 else None).encode()


@st.composite
def logs(draw: st.DrawFn, topic: str) -> list[Raw]:
    """Draw a shard's log: two entities that count on, lose, repeat, lag, leap and begin anew."""
    venue = topic.split(".")[1]
    now, number, lowest = BEGIN, {"A": 1_000, "B": 50}, {"A": 1_000, "B": 50}
    seq, log = 0, []

    def put(symbol: str, first: int, size: int, event: int, ingest: int) -> None:
        nonlocal seq
        seq += 1
        frame = payload(topic, symbol, first, size, event)
        found = assign(venue, frame)
        assert found.event_time is not None
        identity = (found.event_id, found.entity_id, venue, found.channel)
        log.append(Raw(*identity, found.event_time, "venue", ingest, "s", seq, frame))

    # One drawn string: a draw for each step would be most of the time, and the logs short.
    count = draw(st.integers(0, 80))
    drawn = draw(st.binary(min_size=2 * count, max_size=2 * count))
    for code, more in zip(drawn[::2], drawn[1::2], strict=True):
        op, size, pick = code % 20, 1 + more // 4 % 9, more % 4
        now += [1_000, SECOND, 2 * SECOND, 3 * SECOND][pick]
        symbol = "AB"[(size + pick) % 2]
        at = number[symbol]
        if op <= 7:
            put(symbol, at, size, now, now)
            number[symbol] = at + (size if "depth" in topic else 1)
        elif op <= 11:
            number[symbol] = at + 1 + (size * pick) // 4  # lost
        elif op <= 16 and at > lowest[symbol]:
            late = lowest[symbol] + (size * 7 + pick * 13 + op) % (at - lowest[symbol])
            put(symbol, max(at - size, 1) if pick else late, size, now - pick * SECOND, now)  # disorder; backfill
        elif op == 17:
            put(symbol, max(at - size * size, 1), 1 + pick, now - 300 * SECOND, now - (pick % 2) * 300 * SECOND)
        elif op == 18 and log:
            log.append(log[-1 - size % len(log)])
        elif op == 19 and more > 180:
            number[symbol] = [at + JUMP - 5 + size, at + 2 * JUMP, max(at - 3 * JUMP, 5), at + 40][pick]
            now += 0 if size < 9 else 86_400 * SECOND
    return log


def plain(topic: str, log: list[Raw]) -> dict[str, dict[str, object]]:
    spec = contract.topic(topic)
    dedup, found = PlainDedup(topic), PlainGaps(spec, JUMP, MOST)
    for raw in log:
        if dedup.judge(raw) == "duplicate":
            continue
        try:
            frame, _ = contract.identify(spec, raw)
        except dialects.WrongError:
            continue
        if numbers := contract.numbers(frame):
            found.see(raw.entity_id, *numbers, raw.event_time, raw.ingest_time)
    return found.said


def run(topic: str, log: list[Raw], cuts: list[int], saves: list[int]) -> dict[str, dict[str, Any]]:
    kept = Kept(Normalizer, topic)
    said: dict[str, dict[str, Any]] = {}
    for n, part in enumerate(cut(log, cuts)):
        envelopes, _, _ = decode([envelope(raw) for raw in part])
        got = kept.fold.process(envelopes)
        assert len(part) == got.frames + got.duplicates + len(got.dead_letters) + got.not_normalized
        for one in got.low_rate:
            if one.topic == flags.TOPIC:
                continue  # test_quality.py has those
            record = read("gap", one.value)
            for name in ("event_time", "found_at"):
                record[name] = round(record[name].timestamp() * SECOND)
            before = said.get(record["gap_id"])
            assert before is None or record["version"] > before["version"]
            assert (one.key.decode(), one.topic) == (record["entity_id"], gaps.TOPIC)
            assert one.event_time == record["event_time"]
            said[record["gap_id"]] = record
        if n < len(saves):
            kept.save(saves[n])
    return said


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make jumps and full lists common."""
    monkeypatch.setattr(Rules, "gap_jump", JUMP)
    monkeypatch.setattr(gaps, "MOST", MOST)


@pytest.mark.parametrize("topic", TOPICS)
@given(data=st.data())
def test_gaps_equal_the_plain_ones_however_the_log_is_cut_and_saved(topic: str, data: st.DataObject) -> None:
    log = data.draw(logs(topic))
    assert run(topic, log, data.draw(CUTS), data.draw(SAVES)) == plain(topic, log)


@pytest.mark.parametrize("topic", ["raw.sim.trade.v1", "raw.binance_usdm.depth.v1"])
@given(data=st.data())
def test_bronze_has_the_same_gaps(topic: str, data: st.DataObject) -> None:
    """It holds no duplicates, so these must move nothing."""
    log = data.draw(logs(topic))
    dedup = PlainDedup(topic)
    bronze = [raw for raw in log if dedup.judge(raw) != "duplicate"]
    assert run(topic, bronze, [], []) == plain(topic, log)
