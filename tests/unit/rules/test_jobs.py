"""Laws 5 and 6, as code: what the jobs may not be configured to do."""

import re
from pathlib import Path

import pytest

from flink_jobs import analytics
from flink_jobs.late_firing import late_firing
from schemas.domains import domains

JOBS = sorted((Path(__file__).parents[3] / "flink_jobs").glob("*.py"))
#: State that expires by the wall clock, and functions that follow the order of arrival.
FORBIDDEN = re.compile(r"state\.ttl|StateTtlConfig|idle.state.retention|FIRST_VALUE|LAST_VALUE", re.IGNORECASE)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_no_job_expires_state_by_the_clock_or_follows_arrival(path):
    assert not FORBIDDEN.search(path.read_text())


def test_windows_take_late_rows_as_long_as_any_topic_accepts_them():
    longest = max(topic.horizon_ms + topic.max_skew_ms for topic in domains().topics_becoming("trade", "quote"))
    options = late_firing(longest)
    assert options["table.exec.emit.allow-lateness"] == f"{longest} ms"
    assert (options["table.exec.emit.late-fire.enabled"], options["table.exec.emit.late-fire.delay"]) == (
        "true",
        "0 ms",
    )


def test_the_windows_get_these_options(monkeypatch):
    class StartedError(Exception):
        pass

    def start(name, options):
        raise StartedError(name, options)

    monkeypatch.setattr(analytics, "start", start)
    with pytest.raises(StartedError) as seen:
        analytics.main()
    longest = max(topic.horizon_ms + topic.max_skew_ms for topic in domains().topics_becoming("trade", "quote"))
    assert seen.value.args == ("analytics", late_firing(longest))
