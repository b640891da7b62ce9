"""A trade is one event whether the stream or a REST answer tells it: the same identity, record and content; and a gap
of what the stream lost is closed by an answer.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.frames import MIDNIGHT, SECOND, Builder, binance_agg, binance_trade, coinbase_match
from property.oracle import read
from support.captures import capture

from collectors.backfill import Backfill
from collectors.wrap import Wrapper
from schemas.domains import raw_topic
from udfs.gate.assign import assign
from udfs.ingest.ingestor import Ingestor
from udfs.normalize import gaps
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.wire.envelope import decode, encode_one

#: REST names of the stream's fields.
BINANCE = {"t": "id", "p": "price", "q": "qty", "T": "time", "m": "isBuyerMaker", "M": "isBestMatch"}
AGGREGATE = {name: name for name in "apqflTmM"}
COINBASE = {name: name for name in ("trade_id", "side", "price", "size", "time")}
CASES: dict[str, tuple[str, Builder, str, str, dict[str, str]]] = {
    "spot trades": ("binance_spot", binance_trade, "trade", "BTCUSDT", BINANCE),
    "usdm trades": ("binance_usdm", binance_trade, "trade", "BTCUSDT", BINANCE),
    "coinm trades": ("binance_coinm", binance_trade, "trade", "BTCUSD_PERP", BINANCE),
    "coinm aggregates": ("binance_coinm", binance_agg, "agg_trade", "BTCUSD_PERP", AGGREGATE),
    "spot aggregates": ("binance_spot", binance_agg, "agg_trade", "币安人生USDT", AGGREGATE),
    "coinbase matches": ("coinbase", coinbase_match, "match", "BTC-USD", COINBASE),
}
TEXTS = st.sampled_from(
    ["1", "0.5", "61800.30000000", "0.000000000001", "1e3", "00.10", "999999999999999.999999999999"]
)
MILLISECOND = 1_000


def told(stream: bytes, names: dict[str, str]) -> str:
    """Return a stream's frame as its venue's REST interface tells it."""
    body = json.loads(stream)
    body = body.get("data", body)
    return json.dumps({rest: body[name] for name, rest in names.items() if name in body} | {"quoteQty": "1"})


def value(venue: str, payload: bytes, ingest: int, source: str = "stream") -> bytes:
    found = assign(venue, payload)
    assert found.event_time is not None
    return encode_one(
        found.event_id, found.entity_id, venue, found.channel, found.event_time, "venue", ingest, source, 1, payload
    )  # fmt: skip


def normalized(topic: str, *values: bytes, fold: Normalizer | None = None) -> Normalized:
    envelopes, _, bad = decode(values)
    assert not bad
    return (fold or Normalizer(topic)).process(envelopes)


def answer(venue: str, symbol: str, trades: list[str], received: int) -> list[bytes]:
    """Return the Kafka values of an answer."""
    source = Backfill(venue, "answer", f"[{','.join(trades)}]".encode(), symbol, received)
    assert source.unknown == 0
    wrapper = Wrapper(venue, source.source_id)
    return [one for block in source.blocks(0) for one in wrapper.wrap(block)]


@pytest.mark.parametrize("case", CASES)
@given(number=st.integers(0, 10**15), time=st.integers(0, 10**12), price=TEXTS, size=TEXTS, more=st.booleans())
def test_a_frame_and_its_rest_twin_are_one_event(
    case: str, number: int, time: int, price: str, size: str, more: bool
) -> None:
    venue, build, channel, symbol, names = CASES[case]
    topic, at = raw_topic(venue, channel), MIDNIGHT + time // MILLISECOND * MILLISECOND
    stream = build(symbol, number, at, price, size)
    twin = told(stream, names)
    if more:  # an answer that shows more or fewer zeros
        twin = twin.replace('.30000000"', '.3"').replace('"0.5"', '"0.50"')
    ((payload,),) = [block.payload for block in Backfill(venue, "answer", twin.encode(), symbol, at + SECOND).blocks(0)]
    assert assign(venue, payload) == assign(venue, stream)
    one, other = (normalized(topic, value(venue, frame, at + SECOND)) for frame in (stream, payload))
    assert one.trades.encode() == other.trades.encode()
    assert [letter.reason for letter in one.dead_letters] == [letter.reason for letter in other.dead_letters]
    assert one.frames + len(one.dead_letters) == 1
    if one.frames:
        first, second = value(venue, stream, at + SECOND), value(venue, payload, at + 2 * SECOND, "rest")
        lie = json.dumps({**json.loads(payload), "p" if "p" in names else "price": "7.77"}).encode()
        for log in ([first, second], [second, first]):
            got = Ingestor(topic).process([*log, value(venue, lie, at, "liar")], range(3), 0)
            assert (len(got.bronze), got.duplicates) == (1, 2)
            assert [letter.record for letter in got.conflicts] == [value(venue, lie, at, "liar")]


@pytest.mark.parametrize("name", ["binance_spot/spot_btcusdt_20240808.gz", "binance_usdm/usdm_btcusdt_20240808.gz"])
def test_captured_trades_and_their_twins(name: str) -> None:
    venue, file = name.split("/")
    topic, stream, trades = raw_topic(venue, "trade"), [], []
    with gzip.open(capture(file)) as lines:
        for line in lines:
            at, payload = line.rstrip(b"\n").split(b" ", 1)
            if b'"e":"trade"' in payload and assign(venue, payload).channel == "trade":
                stream.append(value(venue, payload, int(at) // 1_000, f"stream {at!r}"))
                trades.append(told(payload, BINANCE))
    rest = answer(venue, "BTCUSDT", trades, MIDNIGHT)
    assert len(rest) == len(stream) > 1_000
    for log in (stream + rest, rest + stream):
        ingestor = Ingestor(topic)
        got = ingestor.process(log, range(len(log)), 0)
        assert got.duplicates >= 1_000
        assert got.conflicts == []


def gap(got: Normalized) -> list[tuple[Any, ...]]:
    found = [read("gap", one.value) for one in got.low_rate if one.topic == gaps.TOPIC]
    return [(one["first_id"], one["last_id"], one["remaining"], one["version"]) for one in found]


def lost(venue: str, symbol: str, build: Builder) -> tuple[list[bytes], list[bytes]]:
    """Return 40 frames of which some were lost, and the lost ones."""
    every = [build(symbol, number, MIDNIGHT + number * SECOND // 2, "61800.30", "0.006") for number in range(40)]
    return every[:10] + every[16:], every[10:16]


@pytest.mark.parametrize("case", CASES)
def test_an_answer_within_the_horizon_closes_the_gap_and_its_trades_are_there(case: str) -> None:
    venue, build, channel, symbol, names = CASES[case]
    topic = raw_topic(venue, channel)
    kept, missing = lost(venue, symbol, build)
    fold = Normalizer(topic)
    log = [value(venue, frame, MIDNIGHT + 21 * SECOND + n * SECOND, f"s{n}") for n, frame in enumerate(kept)]
    assert gap(normalized(topic, *log, fold=fold)) == [(10, 15, 6, 1)]
    newest_first = [told(frame, names) for frame in reversed(missing)]
    got = normalized(topic, *answer(venue, symbol, newest_first, MIDNIGHT + 60 * SECOND), fold=fold)
    assert gap(got) == [(10, 15, 0, 7)]
    assert (got.frames, got.dead_letters) == (6, [])
    assert [read("trade", one)["venue_trade_id"] for one in got.trades.encode()] == [
        str(number) for number in range(10, 16)
    ]
    again = normalized(topic, *(value(venue, frame, MIDNIGHT + 61 * SECOND, "late") for frame in missing), fold=fold)
    assert (again.duplicates, gap(again)) == (6, [])


@pytest.mark.parametrize("case", CASES)
def test_beyond_the_horizon_the_gap_is_closed_and_the_trades_wait_for_an_amendment(case: str) -> None:
    venue, build, channel, symbol, names = CASES[case]
    topic = raw_topic(venue, channel)
    kept, missing = lost(venue, symbol, build)
    fold = Normalizer(topic)
    normalized(
        topic,
        *(value(venue, one, MIDNIGHT + 21 * SECOND + n * SECOND, f"s{n}") for n, one in enumerate(kept)),
        fold=fold,
    )
    trades = [told(frame, names) for frame in missing]
    got = normalized(topic, *answer(venue, symbol, trades, MIDNIGHT + 3_600 * SECOND), fold=fold)
    assert gap(got) == [(10, 15, 0, 7)]
    assert (got.frames, [letter.reason for letter in got.dead_letters]) == (0, ["late"] * 6)
