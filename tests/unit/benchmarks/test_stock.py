"""Frames made in advance are those that the simulated venue sends."""

from benchmarks.stock import feed, read, remove, write
from collectors.sim import SimSpec, Simulator
from collectors.wrap import Wrapper
from runtime.config import KafkaSettings, Settings


def test_the_stock_holds_every_frame_once_in_the_order_of_each_entity(tmp_path):
    spec, frames = SimSpec(seed=5), 20_000
    write(tmp_path / "stock", spec, frames)
    found, chunks = {}, 0
    for topics, keys, values, stamps in read(tmp_path / "stock"):
        chunks += 1
        for row in zip(topics, keys, values, stamps, strict=True):
            found.setdefault(row[:2], []).append(row[2:])
    expected = {}
    source = Simulator(spec, frames)
    wrapper = Wrapper("sim", source.source_id)
    for block in source.blocks(0):
        for channel, entity, value, received in zip(
            block.channel, block.entity_id, wrapper.wrap(block), block.receive_us, strict=True
        ):
            expected.setdefault((f"raw.sim.{channel}.v1", entity), []).append((value, received // 1000))
    assert found == expected
    assert sum(map(len, found.values())) == frames
    assert chunks > 2
    remove(tmp_path / "stock")
    assert not list(tmp_path.iterdir())


def test_a_stock_is_fed_whole_at_its_rate(tmp_path, monkeypatch):
    write(tmp_path / "stock", SimSpec(seed=5), 10_000)
    # A broker inside of the client: what it acknowledges is counted, nothing else.
    monkeypatch.setattr(KafkaSettings, "librdkafka", lambda _: {"test.mock.num.brokers": 1, "log_level": 2})
    sent, seconds = feed(Settings(), tmp_path / "stock", 20_000)
    assert sent == 10_000
    assert seconds >= 0.45  # never faster than it was told; how much slower is the machine's
