"""A round's input: gaps that fill each other, known identities, clocks that jump."""

import gzip
from random import Random

import pytest

from devstack.chaos import feeds
from devstack.chaos.faults.feeds import HORIZON_S, SKEW_S, plan_jump, silence_s
from devstack.chaos.feeds import Jump
from runtime.config import Settings
from udfs.gate.assign import assign

START = 1_770_022_800_000_000


def lines(path):
    with gzip.open(path) as file:
        return [(int(line[:19]) // 1000, line[20:].rstrip(b"\n")) for line in file]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    jump = Jump(0.5, 0.6, 40_000_000)
    folder = tmp_path_factory.mktemp("feed")
    feed = feeds.from_simulator(folder, 3, 4_000, START, Random(3), [jump])
    plain = feeds.from_simulator(tmp_path_factory.mktemp("plain"), 3, 4_000, START, Random(3), [])
    return feed, plain


def test_each_collector_has_gaps_that_the_other_fills(simulated):
    _, feed = simulated
    (_, one), (_, two), (other, lone) = feed.files
    first, second = lines(one), lines(two)
    assert 0.9 < len(first) / 4_000 < 0.98
    assert 0.9 < len(second) / 4_000 < 0.98
    assert set(first) - set(second)
    assert set(second) - set(first)
    ids = {assign("sim", payload).event_id for _, payload in first + second}
    assert other == "binance_usdm"
    ids |= {assign(other, payload).event_id for _, payload in lines(lone)}
    assert len(ids) == len(feed.identities)
    assert feed.records == len(first) + len(second) + len(lines(lone))


def test_a_jump_moves_the_second_collectors_clock_only(simulated):
    feed, plain = simulated
    assert lines(feed.files[0][1]) == lines(plain.files[0][1])
    moved = [a[0] - b[0] for a, b in zip(lines(feed.files[1][1]), lines(plain.files[1][1]), strict=True)]
    assert set(moved) == {0, 40_000_000}
    assert sum(map(bool, moved)) == feed.jumped > 300
    assert feed.identities == plain.identities


def test_venues_share_no_partition_of_the_normalized_topics():
    """Else a venue that falls silent leaves no idle partition behind; the partitioner is Kafka's own (murmur2)."""
    names = {"sim": ("BTC", "ETH", "SOL", "XRP"), "binance_usdm": ("BTC",)}
    places = {
        venue: {(_murmur2(f"{venue}:{name}USDT".encode()) & 0x7FFFFFFF) % 4 for name in names[venue]} for venue in names
    }
    assert {venue: len(found) for venue, found in names.items()} == feeds.SYMBOLS
    assert not places["sim"] & places["binance_usdm"]
    assert places["sim"] | places["binance_usdm"] == {0, 1, 2, 3}


def _murmur2(data):
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) - len(data) % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_captured_frames_are_dealt_to_rounds_in_order(tmp_path):
    path = tmp_path / "capture.gz"
    frame = (
        '{{"stream":"x@trade","data":{{"e":"trade","E":{t},"T":{t},"s":"BTCUSDT","t":{n},"p":"1","q":"1",'
        '"X":"MARKET","m":true}},"pu":1}}'
    )
    quote = '{{"e":"bookTicker","u":{n},"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1","T":{t},"E":{t}}}'
    ms = START // 1000
    with gzip.open(path, "wt") as file:
        for n in range(100):
            text = (frame if n % 2 else quote).format(t=ms + n, n=n)
            file.write(f"{START + 1000 * n}000 {text}\n")
    first, second = feeds.captured([path], 0, 60), feeds.captured([path], 60, 60)
    assert [len(first), len(second), len(feeds.captured([path], 120, 60))] == [60, 40, 0]
    assert [feeds.slices([path], frames) for frames in (200, 100, 60, 50, 20)] == [1, 1, 1, 2, 5]
    assert first[0].receive_us == START
    feed = feeds.from_captures(tmp_path, 1, [path], first, Random(1), [])
    assert [venue for venue, _ in feed.files] == ["binance_usdm", "binance_usdm", "sim"]
    assert feed.start_us == START


def test_jumps_are_within_and_beyond_what_the_gate_accepts():
    offsets = [plan_jump(0.5, Random(seed)).offset_us / 1e6 for seed in range(200)]
    late, future = HORIZON_S, -SKEW_S
    assert any(offset > late for offset in offsets)
    assert any(offset < future for offset in offsets)
    assert any(0 < offset < late for offset in offsets)
    assert any(future < offset < 0 for offset in offsets)


@pytest.mark.parametrize("idle_s", [5.0, 20.0, Settings().flink.idle_after_s])
@pytest.mark.parametrize("speed", [1.0, 4.2, feeds.SPEED])
def test_a_silent_venue_is_idle_and_beyond_its_horizon(idle_s, speed):
    assert silence_s(idle_s, speed) > idle_s + 1
    assert silence_s(idle_s, speed) * speed > HORIZON_S + SKEW_S + 1
