"""Raw records of somebody's transactions: aborted ones were never sent, and markers leave nothing to wait for."""

import pytest
from support.raw_broker import Broker

from devstack.chaos.topics import TopicReader
from devstack.chaos.transaction import ABORTED, COMMITTED, interrupt
from runtime.maven import jars_ready
from runtime.offsets import OffsetReader, lag

TOPIC = "raw.sim.trade.v1"


@pytest.fixture
def own_broker(tmp_path):
    """A broker for this test alone: transactions leave offsets behind that no record has."""
    one = Broker(tmp_path)
    try:
        build = "--no-build" if jars_ready(one.settings.cache_dir) else "--build"
        one.polyglot("up", "--only", "kafka", build)
        yield one
    finally:
        one.polyglot("down", "--wipe")


def test_an_aborted_transaction_was_never_sent(own_broker):
    settings = own_broker.settings
    ids = interrupt(settings, 1, lambda: 1_767_623_400_000_000, lambda: None)
    seen = [row["event_id"] for row, _ in TopicReader(settings, TOPIC, "raw_envelope").new()]
    assert seen == [event_id for _, _, event_id in ids]
    assert len(seen) == COMMITTED

    reader = OffsetReader(settings)
    ends = {place: end for place, end in reader.ends([TOPIC]).items() if end}
    (place,) = ends
    assert lag(ends, {}) == ABORTED + COMMITTED + 2  # and a marker behind each transaction
    assert reader.unread(ends, {}) == ends
    committed = {place: ends[place] - 1}  # what Flink's source commits: behind the last record
    assert lag(ends, committed) == 1
    assert reader.unread(ends, committed) == {}
