"""Laws 5 and 6, as code: what the jobs may not be configured to do."""

import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from flink_jobs import analytics
from flink_jobs.late_firing import late_firing
from polyglot.config import Settings
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


def test_windows_and_requests_read_watermarks_that_survive_a_restart(monkeypatch):
    job = MagicMock(settings=Settings(clickhouse={"password": "p"}))
    monkeypatch.setattr(analytics, "start", lambda *_: job)
    for name in ("_updates", "halting"):
        monkeypatch.setattr(analytics, name, MagicMock())
    for name in ("keeping_watermark", "without_watermark"):
        monkeypatch.setattr(analytics, name, lambda _env, _table, uid, name=name: (name, uid))
    analytics.main()
    views = dict(call.args for call in job.table.create_temporary_view.call_args_list)
    assert {name: view for name, view in views.items() if name.startswith("fresh_")} == {
        "fresh_trade": ("keeping_watermark", "watermark-trade"),
        "fresh_quote": ("keeping_watermark", "watermark-quote"),
        "fresh_trade_cancel": ("without_watermark", "watermark-trade_cancel"),
        "fresh_trade_correct": ("without_watermark", "watermark-trade_correct"),
    }
