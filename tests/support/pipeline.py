"""What the pipeline tests share: what the topics hold, compared with the oracle."""

from decimal import Decimal

import pytest

from operations.jobs import WINDOWS
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader
from schemas.domains import domains
from support.oracle import bars, quote_bars
from support.patience import wait_for
from support.topics import records, view


def bar_key(bar):
    return bar["entity_id"], bar["interval"], bar["window_start"]


def bar_records(stack):
    """Return every record of analytics.bar.v1, in the order of its partitions."""
    return records(stack.settings.kafka.bootstrap_servers, "analytics.bar.v1", "bar")


def assert_equals_oracle(stack, paths, venue):
    """Demand that the venue's bars are those of the oracle over its captures; return the latter."""
    every = view(bar_records(stack), bar_key)
    found = {key: bar for key, bar in every.items() if key[0].startswith(f"{venue}:")}
    expected = bars(paths, venue)
    assert found.keys() == expected.keys()
    for key, fields in expected.items():
        bar = found[key]
        actual = {name: bar[name] for name in fields}
        actual |= {name: Decimal(bar[name]) for name in ("notional", "buy_notional")}
        assert actual == fields, key
    return expected


def assert_quotes_equal_oracle(stack, paths, venue):
    """Demand that the venue's quote bars are those of the oracle over its captures; return the latter."""
    read = records(stack.settings.kafka.bootstrap_servers, "analytics.quote_bar.v1", "quote_bar")
    every = view(read, lambda bar: (bar["entity_id"], bar["window_start"]))
    found = {key: bar for key, bar in every.items() if key[0].startswith(f"{venue}:")}
    expected = quote_bars(paths, venue)
    assert found.keys() == expected.keys()
    for key, fields in expected.items():
        assert {name: found[key][name] for name in fields} == fields, key
    return expected


def tables(found):
    return {table["table"]: table["found"] for table in found["tables"]}


def await_watermark(stack, event_us):
    """Wait until all windows have a watermark past ``event_us``: for that, partitions without records must be idle."""
    with FlinkRest(stack.settings.flink.url) as rest:
        job = rest.job("analytics").id
        waiting = [vertex["id"] for vertex in rest.vertices(job) if vertex["name"].startswith(WINDOWS)]
        assert len(waiting) >= 2  # of trades and of quotes

        def passed():
            return all((rest.watermark(job, vertex) or 0) * 1000 > event_us for vertex in waiting)

        wait_for(passed, 240, "windows have no such watermark", every=0.5)


def await_raw(stack, count, feed):
    """Wait until so many records are in the raw topics, while a process feeds them."""
    reader = OffsetReader(stack.settings)

    def fed():
        if feed.poll() is not None:
            pytest.fail("the feed ended before its time")
        return sum(reader.ends(domains().raw_topics()).values()) >= count

    wait_for(fed, 120, "the feed does not get on", every=0.2)
