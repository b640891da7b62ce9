from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic, OffsetSpec

from operations import topics
from operations.topics import Step, compare, wanted_config
from runtime.config import Settings
from runtime.console import CommandError
from schemas.domains import Topic, domains


def topic(**changes):
    fields = {
        "name": "normalized.trade.v1", "domain": "normalization", "contract": "trade", "key": "entity_id",
        "partitions": 4, "replication": 1, "retention_ms": 1000,
        "max_skew_ms": 5000, "horizon_ms": 120000,
    }  # fmt: skip
    return Topic(**{**fields, **changes})


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path, kafka={"retention_ms": None, "max_message_bytes": 77})


def config(settings, wanted):
    return wanted_config(wanted, retention_ms=settings.kafka.retention_ms, max_message_bytes=77)


def test_a_missing_topic_is_created_as_the_contract_says(settings):
    (step,) = compare([topic()], {}, {}, settings)
    assert (step.action, step.partitions, step.replication) == ("create", 4, 1)
    assert step.config["retention.ms"] == "1000"
    assert step.config["message.timestamp.type"] == "CreateTime"
    assert step.config["max.message.bytes"] == "77"


def test_a_topic_as_wanted_is_kept(settings):
    name = "normalized.trade.v1"
    (step,) = compare([topic()], {name: 4}, {name: config(settings, topic())}, settings)
    assert (step.action, step.changes) == ("keep", {})


def test_a_changed_value_and_a_value_that_was_never_set_are_altered(settings):
    name = "normalized.trade.v1"
    current = config(settings, topic()) | {"retention.ms": "5"}
    del current["max.message.bytes"]
    (step,) = compare([topic()], {name: 4}, {name: current}, settings)
    assert step.action == "alter"
    assert step.changes == {"retention.ms": ("5", "1000"), "max.message.bytes": ("default", "77")}


@pytest.mark.parametrize("there", [2, 8])
def test_another_partition_count_is_a_conflict_because_entities_would_move(settings, there):
    (step,) = compare([topic()], {"normalized.trade.v1": there}, {}, settings)
    assert step.action == "conflict"
    assert f"has {there} partitions" in step.reason


def test_a_plan_with_a_conflict_changes_nothing(settings, monkeypatch):
    monkeypatch.setattr(topics, "_admin", lambda _: pytest.fail("the broker was asked"))
    steps = [Step("a", "create", 1, 1), Step("b", "conflict", 1, 1, reason="has 2 partitions")]
    with pytest.raises(CommandError, match="b has 2 partitions"):
        topics.apply(settings, steps)


def test_the_local_override_keeps_captures_of_years_ago(tmp_path):
    settings = Settings(var_dir=tmp_path)
    assert all(step.config["retention.ms"] == "-1" for step in compare(domains().topics.values(), {}, {}, settings))


class NewBroker:
    """Creates topics at once and opens their logs only some requests later, as a broker with a slow disk does."""

    #: What it said instead, each of which was met in a test.
    NOT_YET = (KafkaError._NOENT, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.UNKNOWN_LEADER_EPOCH)

    def __init__(self) -> None:
        self.asked: list[set[tuple[str, int]]] = []

    def create_topics(self, new: list[NewTopic], **_: object) -> dict[str, Future[None]]:
        return {topic.topic: done(None) for topic in new}

    def list_offsets(self, parts: dict[TopicPartition, OffsetSpec], **_: object) -> dict[TopicPartition, Future[int]]:
        self.asked.append({(part.topic, part.partition) for part in parts})
        if len(self.asked) <= len(self.NOT_YET):
            return {part: failed(self.NOT_YET[len(self.asked) - 1]) for part in parts}
        return {part: done(0) for part in parts}


def done(result: object) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def failed(code: int) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(KafkaException(KafkaError(code)))
    return future


def test_new_topics_can_be_used_when_apply_returns(settings, monkeypatch):
    broker = NewBroker()
    monkeypatch.setattr(topics, "_admin", lambda _: broker)
    assert topics.apply(settings, [Step("a", "create", 2, 1), Step("b", "create", 1, 1)]) == 2
    assert broker.asked == [{("a", 0), ("a", 1), ("b", 0)}] * (len(broker.NOT_YET) + 1)


def test_a_broker_that_does_not_open_what_it_created_is_said(settings, monkeypatch):
    broker = NewBroker()
    broker.list_offsets = lambda parts, **_: {part: failed(KafkaError.KAFKA_STORAGE_ERROR) for part in parts}
    monkeypatch.setattr(topics, "_admin", lambda _: broker)
    with pytest.raises(CommandError, match="the broker refused"):
        topics.apply(settings, [Step("a", "create", 2, 1)])
