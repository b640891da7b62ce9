"""Captures and the simulator into a real broker, with collectors and the broker killed in mid-feed."""

import gzip
import json
import os
import signal
import time
from collections import Counter, defaultdict

import pytest
from support.patience import wait_for

from collectors.preload import preload
from collectors.sim import SimSpec
from udfs.gate.assign import assign

pytestmark = pytest.mark.integration
START = 1_767_623_400_000_000_000
#: Of the capture: six seconds of event time.
FRAMES = 12_000


def surviving(records):
    """Apply the pipeline's rule for transport duplicates: per entity and source, only seqs above the mark so far."""
    marks, kept = {}, []
    for record in records:
        key = (record.topic, record.body["entity_id"], record.body["source_id"])
        if record.body["source_seq"] > marks.get(key, 0):
            marks[key] = record.body["source_seq"]
            kept.append(record)
    return kept


def check_against_file(records, venue, path):
    """Every line of the capture is there once, untouched, under its own identity, key, partition and time."""
    with gzip.open(path) as file:
        lines = file.read().splitlines()
    kept = surviving(records)
    assert sorted(record.body["source_seq"] for record in kept) == list(range(1, len(lines) + 1))
    for record in kept:
        time, _, frame = lines[record.body["source_seq"] - 1].partition(b" ")
        found = assign(venue, frame)
        assert record.body["payload"] == frame
        assert record.body["ingest_time"] == int(time) // 1000
        assert record.timestamp_ms == int(time) // 1_000_000
        assert (record.body["event_id"], record.key, record.body["entity_id"]) == (
            found.event_id, found.entity_id, found.entity_id,
        )  # fmt: skip
        assert record.topic == f"raw.{venue}.{found.channel}.v1"
    same = defaultdict(set)
    for record in records:
        same[record.body["source_id"], record.body["source_seq"]].add((record.topic, record.partition, record.value))
    assert all(len(copies) == 1 for copies in same.values()), "a frame that was sent again must be the same record"


@pytest.fixture(scope="module")
def capture(broker, tmp_path_factory):
    path = tmp_path_factory.mktemp("captures") / "sim.gz"
    broker.polyglot("feed", "sim", "--simulate", str(FRAMES), "--malformed", "0.005", "--write", str(path))
    return path


def test_a_killed_collector_loses_nothing(broker, capture):
    venue = "binance_usdm"
    command = ("feed", venue, "--capture", str(capture), "--json")
    with broker.running(*command, "--speed", "1") as process:  # killed long before its end
        wait_for(lambda: broker.count(venue) > FRAMES // 3, 90, "the collector feeds nothing")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    before = broker.count(venue)
    assert FRAMES // 3 < before < FRAMES

    resumed = json.loads(broker.polyglot(*command))
    (source,) = resumed["sources"]
    assert source["resumed_after"] + source["frames"] == FRAMES == source["resumed_after"] + resumed["acked"]
    assert source["resumed_after"] > 0, "the checkpoint was not used"
    assert broker.count(venue) == before + resumed["acked"]
    check_against_file(broker.records(venue), venue, capture)

    assert json.loads(broker.polyglot(*command))["acked"] == 0
    everything = broker.ends(venue)
    assert json.loads(broker.polyglot(*command, "--no-resume"))["acked"] == FRAMES
    first = {(r.body["source_seq"], r.value) for r in broker.records(venue)}
    again = {(r.body["source_seq"], r.value) for r in broker.records(venue, since=everything)}
    assert first == again
    check_against_file(broker.records(venue), venue, capture)


def test_a_killed_broker_costs_nothing_and_the_collector_waits_for_it(broker, capture):
    venue = "binance_coinm"
    with broker.running("feed", venue, "--capture", str(capture), "--speed", "1.2", "--json") as process:
        wait_for(lambda: broker.count(venue) > FRAMES // 5, 90, "the collector feeds nothing")
        os.kill(broker.pid(), signal.SIGKILL)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert json.loads(out)["acked"] == FRAMES
    assert "the broker is away" in err
    records = broker.records(venue)
    check_against_file(records, venue, capture)


def test_the_simulator_feeds_what_its_manifest_says(broker):
    report = json.loads(broker.polyglot("feed", "sim", "--simulate", "20000", "--malformed", "0.01", "--json"))
    manifest = report["manifest"]
    records = broker.records("sim")
    assert report["acked"] == len(records) == 20_000
    assert Counter(record.topic for record in records) == manifest["topics"]
    unique = {(record.topic, record.body["event_id"]) for record in records}
    assert len(unique) == manifest["unique"]
    assert Counter(topic for topic, _ in unique) == manifest["unique_per_topic"]
    assert max(len(record.body["payload"]) for record in records) > 5 * 1024 * 1024
    keys = defaultdict(set)
    for record in records:
        keys[record.topic, record.key].add(record.partition)
    assert all(len(partitions) == 1 for partitions in keys.values())

    # A recreated run is the same run; a longer one goes on where the shorter one ended.
    again = json.loads(broker.polyglot("feed", "sim", "--simulate", "20000", "--malformed", "0.01", "--json"))
    assert (again["acked"], again["manifest"]) == (0, manifest)
    longer = json.loads(broker.polyglot("feed", "sim", "--simulate", "21000", "--malformed", "0.01", "--json"))
    assert longer["acked"] == 1000


def test_two_processes_preload_the_same_records_as_one(broker):
    spec = SimSpec(seed=99, symbols=7, malformed_share=0.01)
    values = []
    for processes in (1, 2):
        since = broker.ends("sim")
        report = preload(broker.settings, spec, 12_000, processes=processes)
        assert report["acked"] == 12_000 == report["manifest"]["frames"]
        records = broker.records("sim", since)
        assert len(surviving(records)) == 12_000
        values.append(sorted((r.topic, r.partition, r.timestamp_ms, r.value) for r in records))
    assert values[0] == values[1]


def test_frames_of_now_are_sent_when_they_are_due(broker):
    since, began = broker.ends("sim"), time.time_ns() // 1000
    arguments = ("feed", "sim", "--simulate", "1500", "--start", "now", "--rate", "500", "--malformed", "0", "--json")
    report = json.loads(broker.polyglot(*arguments))
    manifest, ended = report["manifest"], time.time_ns() // 1000
    assert manifest["last_receive_us"] - manifest["first_receive_us"] > 2_000_000
    assert began <= manifest["first_receive_us"]
    assert manifest["last_receive_us"] <= ended
    assert report["seconds"] < 30
    assert len(broker.records("sim", since)) == 1500


def test_missing_topics_are_told(broker, monkeypatch):
    import collectors.run as feeding
    from collectors.pump import Pace
    from runtime.console import CommandError, Console

    monkeypatch.setattr(feeding, "venue_topics", lambda venue: [f"raw.{venue}.nothing.v1"])
    with pytest.raises(CommandError, match=r"topics are missing: raw\.sim\.nothing\.v1"):
        feeding.feed_simulated(broker.settings, Console(quiet=True), SimSpec(), 10, pace=Pace())


def test_a_rest_answer_is_fed_once(broker, tmp_path):
    path = tmp_path / "answer.json"
    trades = [
        {
            "id": number,
            "price": "1.10",
            "qty": "2",
            "time": 1_767_623_400_000,
            "isBuyerMaker": True,
            "isBestMatch": True,
        }
        for number in range(3, 0, -1)
    ]
    path.write_text(json.dumps([*trades, {"id": 4}]))
    command = ("feed", "binance_spot", "--backfill", str(path), "--symbol", "BTCUSDT", "--json")
    report = json.loads(broker.polyglot(*command))
    assert report["topics"] == {"raw.binance_spot.trade.v1": 3, "raw.binance_spot.unassigned.v1": 1}
    assert json.loads(broker.polyglot(*command))["acked"] == 0
    records = sorted(broker.records("binance_spot"), key=lambda record: record.body["source_seq"])
    assert [record.body["event_id"] for record in records[:3]] == [
        f"binance_spot:BTCUSDT:trade:{number}" for number in (1, 2, 3)
    ]
    assert records[3].body["payload"] == b'{"id": 4}'
    assert all(record.key == record.body["entity_id"] for record in records)
