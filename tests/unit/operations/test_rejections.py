"""What is counted as rejected, and of how many records."""

from types import SimpleNamespace

from operations.upgrade import rejections
from operations.upgrade.rejections import Rejections
from runtime.config import Settings

RAW = "raw.sim.trade.v1"


def test_a_topic_is_read_as_far_as_the_group_that_is_ahead(monkeypatch):
    committed = {"polyglot-ingest": 40, "polyglot-normalize": 70}
    offsets = SimpleNamespace(
        ends=lambda topics: {(topic, partition): 100 for topic in topics for partition in (0, 1)},
        committed=lambda group, places: dict.fromkeys(places, committed.get(group, 0)),
    )
    letters = [
        {"domain": "ingestion", "topic": RAW, "reason": "contract", "count": 3},
        {"domain": "normalization", "topic": RAW, "reason": "contract", "count": 4},
    ]
    monkeypatch.setattr(rejections, "OffsetReader", lambda _settings: offsets)
    monkeypatch.setattr(rejections, "dead_letters", lambda *_: None)
    monkeypatch.setattr(rejections, "counted", lambda _: letters)
    found = Rejections.now(Settings())
    assert found.read[RAW] == 140
    assert found.counts == {(RAW, "contract"): 7}
