"""Laws 5 and 6, as code: what the jobs may not be configured to do."""

import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from flink_jobs import analytics
from polyglot.config import Settings

JOBS = sorted((Path(__file__).parents[3] / "flink_jobs").rglob("*.py"))
#: State that expires by the wall clock, and functions that follow the order of arrival.
FORBIDDEN = re.compile(r"state\.ttl|StateTtlConfig|idle.state.retention|FIRST_VALUE|LAST_VALUE", re.IGNORECASE)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_no_job_expires_state_by_the_clock_or_follows_arrival(path):
    assert not FORBIDDEN.search(path.read_text())


def test_watermarks_are_on_the_sources_of_windows(monkeypatch):
    job = MagicMock(settings=Settings(clickhouse={"password": "p"}))
    monkeypatch.setattr(analytics, "start", lambda *_: job)
    folded = MagicMock()
    monkeypatch.setattr(analytics, "fold_shards", folded)
    monkeypatch.setattr(analytics, "unpacked", MagicMock())
    analytics.main()
    ddl = " ".join(statement for call in job.ddl.call_args_list for statement in call.args[0])
    assert [call.args[1] for call in folded.call_args_list] == ["bar_log", "quote_bar_log"]
    assert ddl.count("WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '1' SECOND") == 2
