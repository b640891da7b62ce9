"""Retention on a broker: what is old goes as far as the jobs have come, and not a record further."""

from __future__ import annotations

import json

from confluent_kafka import Consumer, TopicPartition

RAW = "raw.sim.trade.v1"
#: Years ago, so all of it is old; see the settings of the command below.
FEED = ("feed", "sim", "--simulate", "400", "--seed", "901", "--start", "2019-01-05T10:00:00", "--no-resume")


def commit(broker, group, offsets):
    """Commit as Flink's sources do when a checkpoint completes: for a group without members."""
    conf = {**broker.settings.kafka.librdkafka(), "group.id": group, "enable.auto.commit": False}
    consumer = Consumer(conf)
    places = [TopicPartition(RAW, partition, offset) for partition, offset in offsets.items()]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()


def retention(broker, *options):
    found = json.loads(broker.polyglot("retention", "--json", *options))
    return found, {one["partition"]: one for one in found["partitions"] if one["topic"] == RAW}


def test_what_is_old_is_cut_as_far_as_every_job_has_come(broker, monkeypatch):
    """Other tests may have fed frames of now behind these: those are not old."""
    monkeypatch.setitem(broker.env, "POLYGLOT_KAFKA__RETENTION_MS", str(86_400_000))
    broker.polyglot(*FEED)
    _, before = retention(broker)
    assert {one["records"] for one in before.values()} == {0}
    ends = {partition: one["end"] for partition, one in before.items()}
    commit(broker, "polyglot-ingest", ends)
    commit(broker, "polyglot-normalize", ends)
    _, read = retention(broker)
    old = {partition: one["cut"] for partition, one in read.items()}
    fullest = max(old, key=lambda partition: read[partition]["records"])
    half = old[fullest] - read[fullest]["records"] // 2
    assert before[fullest]["begin"] < half < old[fullest]
    commit(broker, "polyglot-normalize", {fullest: half})
    _, dry = retention(broker)
    assert (dry[fullest]["cut"], dry[fullest]["kept_by"]) == (half, "polyglot-normalize")
    found, _ = retention(broker, "--apply")
    assert found["cut"] == sum(one["records"] for one in found["partitions"]) > 0
    after, places = retention(broker)
    assert {one["records"] for one in after["partitions"]} == {0}
    assert {partition: one["begin"] for partition, one in places.items()} == {**old, fullest: half}
    assert {partition: one["end"] for partition, one in places.items()} == ends
