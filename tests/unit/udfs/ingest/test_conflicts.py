"""The same event id with other content: found, told with both places, and never where venues and simulator repeat."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pytest
from support.captures import capture
from support.reference import envelopes, rows

from collectors.sim import SimSpec, Simulator
from collectors.wrap import Wrapper
from schemas.domains import raw_topic
from udfs.gate.assign import assign
from udfs.ingest.conflicts import LogPosition, position_of_first
from udfs.ingest.ingestor import Ingested, Ingestor
from udfs.kernels import content
from udfs.kernels.slices import Slices
from udfs.wire.envelope import encode_one

NOW = 1_723_161_600_000_000
SECOND = 1_000_000
TOPIC = "raw.binance_spot.trade.v1"
BARE = b'{"e":"trade","E":1723161600000,"s":"A","t":7,"p":"1.0","q":"2","T":1723161600000,"m":true}'
WRAPPED = b'{"stream":"a@trade","data":' + BARE + b"}"
OTHER = BARE.replace(b'"1.0"', b'"1.1"')
CENT = BARE.replace(b'"1.0"', b'"1.01"')


def value(payload: bytes, source: str, seq: int, ingest: int = NOW, venue: str = "binance_spot") -> bytes:
    found = assign(venue, payload)
    assert found.event_time is not None
    return encode_one(
        found.event_id, found.entity_id, venue, found.channel, found.event_time, "venue", ingest, source, seq, payload
    )  # fmt: skip


def ingest(*values: bytes, topic: str = TOPIC) -> Ingested:
    return Ingestor(topic).process(values, range(40, 40 + len(values)), 3)


@pytest.mark.parametrize("copy", [OTHER, CENT, BARE.replace(b'"2"', b'"-2"'), WRAPPED.replace(b"true", b"false")])
@pytest.mark.parametrize("source", ["a", "b"])
def test_a_copy_with_other_content_is_a_duplicate_and_a_dead_letter(copy: bytes, source: str) -> None:
    """From another collector, or as a transport copy: sequence number 1 of source a was there before."""
    first, second = value(BARE, "a", 1), value(copy, source, 1)
    got = ingest(first, second, second)
    assert (got.bronze.values.tolist(), got.duplicates, got.dead_letters) == ([first], 2, [])
    letter, again = got.conflicts
    assert letter == again
    assert (letter.reason, letter.domain, letter.topic) == ("conflict", "ingestion", TOPIC)
    assert (letter.entity_id, letter.event_time, letter.record) == ("binance_spot:A", NOW, second)
    assert position_of_first(letter.detail) == LogPosition(TOPIC, 3, 40)
    assert letter.dead_letter_id.startswith("binance_spot:A:trade:7:conflict:")


def test_each_other_content_is_a_letter_of_its_own() -> None:
    got = ingest(value(BARE, "a", 1), value(OTHER, "b", 1), value(CENT, "c", 1), value(BARE, "d", 1))
    assert len({letter.dead_letter_id for letter in got.conflicts}) == 2


def test_what_differs_by_connection_is_no_content() -> None:
    stream = WRAPPED.replace(b"a@trade", b"A@trade")
    assert ingest(value(WRAPPED, "a", 1), value(BARE, "b", 1), value(stream, "c", 1)).conflicts == []
    match = (
        b'{"type":"match","trade_id":10,"product_id":"BTC-USD","time":"2024-08-09T00:00:00.0Z","side":"sell",'
        b'"price":"1","size":"1"}'
    )
    topic, last = raw_topic("coinbase", "match"), match.replace(b"match", b"last_match")
    got = ingest(value(match, "a", 1, venue="coinbase"), value(last, "b", 1, venue="coinbase"), topic=topic)
    assert (got.duplicates, got.conflicts) == (1, [])


@pytest.mark.parametrize(
    "copy",
    [
        BARE.replace(b'"E":1723161600000', b'"E":1723161600002'),
        BARE.replace(b'"E":1723161600000,', b""),
        BARE.replace(b'"1.0"', b'"1.000"'),
        WRAPPED.replace(b'"m":', b'"longer":[{}],"m":'),  # which the scanner does not read
        BARE.replace(b",", b", "),
    ],
)
def test_a_trade_that_is_told_in_another_way_is_the_same(copy: bytes) -> None:
    for one, other in ((BARE, copy), (copy, BARE)):
        got = ingest(value(one, "a", 1), value(other, "b", 1))
        assert (got.duplicates, got.conflicts) == (1, [])


def test_a_trade_of_another_time_is_another() -> None:
    late = BARE.replace(b'"T":1723161600000', b'"T":1723161600001')
    assert len(ingest(value(BARE, "a", 1), value(late, "b", 1)).conflicts) == 1


def test_what_is_no_trade_is_compared_byte_by_byte() -> None:
    bad = BARE.replace(b'"1.0"', b'"-1"')
    spaced = bad.replace(b",", b", ")
    assert len(ingest(value(bad, "a", 1), value(spaced, "b", 1), value(bad, "c", 1)).conflicts) == 1
    book = b'{"u":7,"s":"A","b":"1","B":"2","a":"3","A":"4"}'
    values = []
    for source, payload in (("a", book), ("b", book.replace(b'"1"', b'"1.0"')), ("c", book)):
        found = assign("binance_spot", payload)
        values.append(
            encode_one(
                found.event_id, found.entity_id, "binance_spot", found.channel, NOW, "ingest", NOW, source, 1, payload
            )
        )
    got = ingest(*values, topic=raw_topic("binance_spot", "book_ticker"))
    assert (got.duplicates, len(got.conflicts)) == (2, 1)


def test_an_id_that_is_forgotten_has_no_conflict() -> None:
    later = BARE.replace(b'"t":7', b'"t":8').replace(b"1723161600000", b"1723161900000")
    far = value(later, "a", 2, NOW + 300 * SECOND)
    got = ingest(value(BARE, "a", 1), far, value(OTHER, "b", 1), value(OTHER, "a", 1))
    assert (len(got.bronze), got.duplicates, got.conflicts) == (3, 1, [])


def test_the_digest_is_the_documented_one() -> None:
    def plain(data: bytes) -> int:
        mask = (1 << 64) - 1
        h = len(data) * 0x9E3779B97F4A7C15 & mask
        for at in range(0, len(data), 8):
            h = (h ^ int.from_bytes(data[at : at + 8], "little")) * 0xC2B2AE3D27D4EB4F & mask
            h ^= h >> 32
        h = (h ^ (h >> 29)) * 0xBF58476D1CE4E5B9 & mask
        return h ^ (h >> 32)

    values = [bytes(range(250, 250 - n, -1)) for n in range(40)] + [b"\0" * n for n in range(20)] + [WRAPPED]
    out = np.empty(len(values), dtype=np.int64)
    content.content_digests(content.WHOLE, content.WORDS, *Slices.of(values).parts, out)
    assert out.astype(np.uint64).tolist() == [plain(one) for one in values]
    assert len(set(out.tolist())) == len(values) - 1  # nothing is there twice but the empty one


def batches(source: str) -> Iterator[tuple[str, list[bytes]]]:
    """Yield (topic, values) of the simulator, or of a capture that two collectors received."""
    if source == "sim":
        sim = Simulator(SimSpec(seed=3, duplicate_share=0.05, malformed_share=0.02), 40_000)
        wrapper = Wrapper("sim", sim.source_id)
        for block in sim.blocks(0):
            for channel, one in zip(block.channel, wrapper.wrap(block), strict=True):
                yield raw_topic("sim", channel), [one]
        return
    venue, name = source.split("/")
    with gzip.open(capture(name)) as lines:
        for seq, line in enumerate(lines):
            at, payload = line.rstrip(b"\n").split(b" ", 1)
            found, now = assign(venue, payload), int(at) // 1_000
            time, origin = (now, "ingest") if found.event_time is None else (found.event_time, "venue")
            yield raw_topic(venue, found.channel), [
                encode_one(found.event_id, found.entity_id, venue, found.channel, time, origin, now, who, seq, payload)
                for who in ("a", "b")
            ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "copies"),
    [
        ("sim", 1_000),
        ("binance_usdm/usdm_btcusdt_20240808.gz", 93_954),
        ("binance_spot/spot_btcusdt_20240808.gz", 41_249),
    ],
)
def test_ordinary_copies_are_no_conflicts(source: str, copies: int) -> None:
    logs: dict[str, list[bytes]] = defaultdict(list)
    for topic, values in batches(source):
        logs[topic] += values
    seen: Counter[str] = Counter()
    for topic, log in logs.items():
        got = Ingestor(topic).process(log, range(len(log)), 0)
        seen.update(duplicates=got.duplicates, conflicts=len(got.conflicts))
    assert seen["conflicts"] == 0
    assert seen["duplicates"] >= copies


def test_a_newer_file_of_prices_conflicts_only_where_it_says_something_else() -> None:
    """What a source publishes as adjusted restates itself with every later dividend: no news about a session."""
    row = {"Datetime": "2024-05-02", "Close": "10.5", "Adj Close": "9.75", "Volume": "7", "Dividends": "0.25"}
    own = {"date": "2024-05-03", "close": "11", "published_adjusted_close": "10.9", "revision": "0"}
    bare = {name: value for name, value in own.items() if name != "published_adjusted_close"}

    def conflicts(*told: dict[str, str]) -> list[str]:
        found = envelopes(rows(*told))
        got = {topic: ingest(*values, topic=topic) for topic, values in found.items()}
        assert {len(one.bronze) for one in got.values()} == {1}
        assert [one.duplicates for one in got.values()] == [len(told) - 1] * len(got)
        return [letter.dead_letter_id.partition(":conflict:")[0] for one in got.values() for letter in one.conflicts]

    assert conflicts(row, {**row, "Adj Close": "9.5"}, {**row, "Adj Close": ""}) == []
    assert conflicts(own, {**own, "published_adjusted_close": "10.8"}, bare, own) == []
    assert conflicts(row, {**row, "Adj Close": "9.5", "Close": "10.25"}) == [
        "reference:X:daily_close:19845@0", "reference:X:corporate_action:cash_dividend:19845@0",
    ]  # fmt: skip
    assert conflicts(own, {**own, "close": "12"}) == ["reference:X:daily_close:19846@0"]
