"""The client library's own broker, in this process: it keeps records, and knows topics by what is sent to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer


@contextmanager
def mock_broker() -> Iterator[tuple[str, Producer]]:
    """Yield its address, and a producer for it; it ends with the block."""
    with_broker = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    places = with_broker.list_topics(timeout=10).brokers.values()
    servers = ",".join(f"{place.host}:{place.port}" for place in places)
    yield servers, Producer({"bootstrap.servers": servers})
    del with_broker
