"""Laws 5 and 6, as code: what the jobs may not be configured to do."""

import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from flink_jobs import analytics
from runtime.config import Settings

JOBS = sorted((Path(__file__).parents[3] / "flink_jobs").rglob("*.py"))
#: State that expires by the wall clock, and functions that follow the order of arrival.
FORBIDDEN = re.compile(r"state\.ttl|StateTtlConfig|idle.state.retention|FIRST_VALUE|LAST_VALUE", re.IGNORECASE)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_no_job_expires_state_by_the_clock_or_follows_arrival(path):
    assert not FORBIDDEN.search(path.read_text())


def test_watermarks_are_on_the_sources_of_windows(monkeypatch):
    read, folded = MagicMock(side_effect=lambda _job, name, *_, **said: (name, said)), MagicMock()
    monkeypatch.setattr(analytics, "start", lambda *_: MagicMock(settings=Settings(clickhouse={"password": "p"})))
    monkeypatch.setattr(analytics, "fold_shards", folded)
    monkeypatch.setattr(analytics, "unpacked", MagicMock())
    monkeypatch.setattr(analytics.topics, "read", read)
    monkeypatch.setattr(analytics.topics, "write", MagicMock())
    monkeypatch.setattr(analytics, "stores", MagicMock())
    analytics.main()
    assert [call.args[1] for call in folded.call_args_list] == [
        ("trade topics", {"watermark": True}),
        ("quote topics", {"watermark": True}),
    ]


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_no_job_has_a_table(path):
    """The planner's classes cost seconds on submission, and its operators have numbers for names."""
    assert not re.search(r"pyflink\.table|TableEnvironment", path.read_text())
