"""The sources' options follow the settings."""

import pytest

from flink_jobs import tables
from polyglot.config import Settings


@pytest.mark.parametrize(("settings", "expected"), [({}, "2000 ms"), ({"idle_after_s": 5}, "5000 ms")])
def test_a_partition_is_idle_after_what_the_settings_say(settings, expected):
    ddl = tables.wire_source("t", Settings(flink=settings), ["normalized.trade.v1"], "g", watermark=True)
    assert f"'scan.watermark.idle-timeout' = '{expected}'" in ddl


@pytest.mark.parametrize(("settings", "expected"), [({}, 50), ({"latency_factor": 4}, 200)])
def test_the_broker_collects_records_for_as_long_as_the_settings_allow(settings, expected):
    ddl = tables.wire_source("t", Settings(flink=settings), ["raw.sim.trade.v1"], "g", fetch=tables.Fetch(50, 1, 1))
    assert f"'properties.fetch.max.wait.ms' = '{expected}'" in ddl
