import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from collectors.block import Block, assigned
from collectors.checkpoint import CheckpointFile
from collectors.producer import RawProducer
from collectors.pump import TICK_S, Pace, Pump, venue_topics
from collectors.run import pace
from runtime.config import KafkaSettings
from runtime.console import CommandError, Exit

START = 1_767_623_400_000_000


@dataclass
class Frames:
    """A source of frames received `step` µs apart."""

    step: int
    count: int
    venue: str = "sim"
    source_id: str = "test:1"

    def blocks(self, after_seq: int) -> Iterator[Block]:
        for first in range(after_seq + 1, self.count + 1, 10):
            numbers = range(first, min(first + 10, self.count + 1))
            yield assigned("sim", first, [START + n * self.step for n in numbers], [b"%d" % n for n in numbers])


@dataclass
class Memory:
    """Stands in for the producer: remembers what was sent and when; acknowledges all, or nothing behind `stuck_at`."""

    stuck_at: int = 1 << 60
    gone: bool = False
    sent: list[tuple[float, int]] = field(default_factory=list)
    clock: Any = time
    topics: list[str] = field(default_factory=list)
    acked_seq: int = 0
    position: tuple[str, int, int] = ("", -1, -1)

    def begin(self, after_seq: int) -> None:
        self.acked_seq = after_seq

    def send(self, topics, keys, values, timestamps_ms, last_seq) -> None:
        assert len(topics) == len(keys) == len(values) == len(timestamps_ms)
        now = self.clock.time()
        self.sent += [(now, stamp) for stamp in timestamps_ms]
        self.topics += topics
        if last_seq <= self.stuck_at:
            self.acked_seq, self.position = last_seq, (topics[-1], 0, len(self.sent) - 1)

    def poll(self, timeout_s: float = 0.0) -> None:
        self.clock.sleep(timeout_s)

    def drain(self) -> None:
        pass

    def holds(self, *_: object) -> bool:
        return not self.gone


class Silent:
    def advance(self, amount: float = 1) -> None: ...

    def describe(self, text: str) -> None: ...


def test_as_fast_as_possible_sends_all_in_order_with_their_receive_times():
    memory = Memory()
    fed = Pump(Frames(60_000_000, 35), memory, "c", None).run(0, Pace(), Silent())
    assert [stamp for _, stamp in memory.sent] == [START // 1000 + n * 60_000 for n in range(1, 36)]
    assert fed.frames == 35
    assert set(memory.topics) == {"raw.sim.unassigned.v1"}


class Clock:
    """Stands in for the module `time`, which passes only while the pump waits: the machine has no say in it."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_paced_run_sends_frames_when_they_are_due(monkeypatch):
    began = START / 1e6 + 1e8  # when a capture is fed does not matter
    memory = Memory(clock=Clock(began))
    monkeypatch.setattr("collectors.pump.time", memory.clock)
    Pump(Frames(10_000, 41), memory, "c", None).run(0, Pace(2.0), Silent())
    due = [began + (n - 1) * 0.010 / 2 for n in range(1, 42)]
    waited = [at - when for (at, _), when in zip(memory.sent, due, strict=True)]
    assert min(waited) >= -1e-6
    assert max(waited) <= TICK_S + 1e-6


def test_wall_clock_pace_waits_for_the_receive_time_itself(monkeypatch):
    memory = Memory(clock=Clock(START / 1e6 - 5.0))  # the first frame is received in the future
    monkeypatch.setattr("collectors.pump.time", memory.clock)
    Pump(Frames(10_000, 20), memory, "c", None).run(0, Pace(1.0, wall_clock=True), Silent())
    waited = [at - stamp / 1000 for at, stamp in memory.sent]
    assert len(waited) == 20
    assert min(waited) >= -1e-6
    assert max(waited) <= TICK_S + 1e-6


def test_the_checkpoint_is_what_was_acknowledged_and_resumes_there(tmp_path):
    source = Frames(1, 100)
    memory = Memory(stuck_at=60)
    pump = Pump(source, memory, "c", tmp_path)
    assert pump.resume_point() == 0
    pump.run(0, Pace(), Silent())
    again = Memory()
    pump = Pump(source, again, "c", tmp_path)
    assert pump.resume_point() == 60
    pump.run(60, Pace(), Silent())
    assert len(again.sent) == 40
    assert Pump(source, Memory(), "c", tmp_path).resume_point() == 100


def test_a_checkpoint_of_another_cluster_or_of_a_log_that_is_gone_does_not_count(tmp_path):
    source = Frames(1, 20)
    Pump(source, Memory(), "c", tmp_path).run(0, Pace(), Silent())
    assert Pump(source, Memory(), "c", tmp_path).resume_point() == 20
    assert Pump(source, Memory(), "other", tmp_path).resume_point() == 0
    assert Pump(source, Memory(gone=True), "c", tmp_path).resume_point() == 0


def test_the_next_source_does_not_inherit_what_was_acknowledged_of_the_last(tmp_path):
    memory = Memory()
    Pump(Frames(1, 50, source_id="test:1"), memory, "c", tmp_path).run(0, Pace(), Silent())
    memory.stuck_at = 0
    Pump(Frames(1, 20, source_id="test:2"), memory, "c", tmp_path).run(0, Pace(), Silent())
    assert CheckpointFile(tmp_path, "sim", "test:2").load() is None


def test_a_damaged_source_is_remembered_up_to_the_damage(tmp_path):
    class Damaged(Frames):
        def blocks(self, after_seq: int) -> Iterator[Block]:
            yield from super().blocks(after_seq)
            raise CommandError("damaged")

    source = Damaged(1, 30)
    with pytest.raises(CommandError, match="damaged"):
        Pump(source, Memory(), "c", tmp_path).run(0, Pace(), Silent())
    assert Pump(source, Memory(), "c", tmp_path).resume_point() == 30


@pytest.mark.parametrize("text", ["0", "-1", "fast", "", "nan", "inf"])
def test_a_speed_is_max_or_above_zero(text):
    with pytest.raises(CommandError) as error:
        pace(text)
    assert error.value.code == Exit.USAGE


def test_every_channel_of_a_venue_has_a_topic_and_so_have_strays():
    assert "raw.kraken.spread.v1" in venue_topics("kraken")
    assert "raw.kraken.unassigned.v1" in venue_topics("kraken")


NOBODY = KafkaSettings(bootstrap_servers="127.0.0.1:1")


def test_without_a_broker_connecting_says_so():
    with pytest.raises(CommandError, match=r"no answer from Kafka at 127\.0\.0\.1:1") as error:
        RawProducer(NOBODY).connect([], timeout_s=0.5)
    assert error.value.code == Exit.UNAVAILABLE


def test_a_broker_that_stays_away_ends_the_collector_in_the_end():
    told: list[str] = []
    producer = RawProducer(NOBODY, warn=told.append, outage_timeout_s=1.5)
    with pytest.raises(CommandError, match="nothing was acknowledged") as error, producer.closing():
        producer.send(["raw.sim.trade.v1"], ["k"], [b"v"], [0], 1)
    assert error.value.code == Exit.UNAVAILABLE
    assert told == ["the broker is away; waiting for it, nothing is lost"]
    assert producer.acked == 0


def test_a_record_larger_than_the_settings_allow_stops_the_collector():
    producer = RawProducer(KafkaSettings(bootstrap_servers="127.0.0.1:1", max_message_bytes=1_000_000))
    with pytest.raises(CommandError, match="1,100,000 bytes was refused"), producer.closing():
        producer.send(["raw.sim.trade.v1"] * 2, ["k"] * 2, [b"x" * 1_100_000, b"v"], [0, 0], 2)
