from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError

from runtime import offsets
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.offsets import OffsetReader

READ, CAUGHT_UP, AWAY = None, KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN


def test_a_broker_that_is_not_there_is_a_message_not_a_trace(monkeypatch):
    monkeypatch.setattr(offsets, "_TIMEOUT_S", 0.2)
    with pytest.raises(CommandError, match=r"no answer from Kafka at 127\.0\.0\.1:9") as raised:
        OffsetReader(Settings(kafka={"bootstrap_servers": "127.0.0.1:9"})).ends(["a"])
    assert raised.value.code == Exit.UNAVAILABLE


class Consumer:
    """A client on a clock of its own: it waits for as many messages as are asked for, and has these."""

    def __init__(self, *messages):
        self.messages, self.now = list(messages), 0.0

    def consume(self, count, timeout):
        taken, self.messages = self.messages[:count], self.messages[count:]
        self.now += 0 if len(taken) == count else timeout
        return taken

    def assign(self, places):
        self.assigned = [(one.topic, one.partition, one.offset) for one in places]

    def close(self):
        pass


def message(partition, offset, code):
    error = None if code is None else KafkaError(code)
    found = {"topic": "t", "partition": partition, "offset": offset, "error": error}
    return SimpleNamespace(**{name: lambda value=value: value for name, value in found.items()})


@pytest.fixture
def unread(monkeypatch):
    """Ask which of partitions 0 and 1, read up to 5 of 9, are not read; say how long it took."""

    def ask(*messages):
        client = Consumer(*messages)
        monkeypatch.setattr(offsets, "Consumer", lambda _: client)
        monkeypatch.setattr(offsets.time, "monotonic", lambda: client.now)
        reader = OffsetReader(Settings(kafka={"bootstrap_servers": "127.0.0.1:9"}))
        found = reader.unread({("t", 0): 9, ("t", 1): 9, ("t", 2): 5}, dict.fromkeys([("t", n) for n in range(3)], 5))
        assert client.assigned == [("t", 0, 5), ("t", 1, 5)]
        return found, client.now

    return ask


def test_what_holds_no_record_is_read_and_nobody_waits_for_more(unread):
    found, seconds = unread(message(0, 9, CAUGHT_UP), message(1, 6, READ))
    assert found == {("t", 1): 9}
    assert seconds < 1


def test_a_partition_that_does_not_answer_counts_as_unread_after_a_while(unread):
    found, seconds = unread(message(0, 9, CAUGHT_UP), message(0, -1, AWAY))
    assert found == {("t", 1): 9}
    assert 20 <= seconds < 21
