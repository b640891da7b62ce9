"""Upgrades under load, in every way: kept, rolled back, rescaled, gone back to; and no record is lost.

Those of every commit are a scenario: tests/integration/scenarios/test_upgrades.py.
"""

import pytest
from support.checkout import checkout
from support.patience import patient
from support.upgrades import BROKEN, GOOD, WATCH, releases, upgrade
from support.upgrades import feeding as fed

from runtime.flink_rest import FlinkRest

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def feeding(pipeline):
    """Feed for as long as the module's tests run."""
    with fed(pipeline) as feed:
        yield feed


def width(pipeline, vertex):
    with FlinkRest(pipeline.settings.flink.url) as rest:
        job = rest.job("normalize")
        return next(one["parallelism"] for one in rest.vertices(job.id) if one["name"].startswith(vertex))


def test_a_good_version_is_kept(pipeline, feeding, tmp_path):
    (before,) = set(releases(pipeline))
    done, _ = upgrade(pipeline, checkout(tmp_path / "good", GOOD), "apply", "--watch", WATCH)
    assert set(releases(pipeline)) == {done["release"]} != {before}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_version_is_rolled_back(pipeline, feeding, tmp_path, how):
    before = releases(pipeline)
    edits, message = BROKEN[how]
    _, errors = upgrade(pipeline, checkout(tmp_path / "broken", edits), "apply", "--watch", WATCH, expect=1)
    assert message in errors
    assert f"rolled back to release {before[0]}" in errors
    assert releases(pipeline) == before
    assert pipeline.json("history")[-1]["outcome"].startswith("rolled back: ")


def test_a_job_is_rescaled_and_back(pipeline, feeding):
    for parallelism in (2, 1):
        pipeline.json("rescale", "normalize", str(parallelism), "--watch", WATCH)
        assert width(pipeline, "normalize") == parallelism


def test_a_release_is_gone_back_to_and_a_checkpoint_too(pipeline, feeding):
    (now,) = set(releases(pipeline))
    kept = [one for one in pipeline.json("history") if one["outcome"] == "kept" and one["release"] != one["before"]]
    pipeline.json("rollback", "--watch", WATCH)
    assert set(releases(pipeline)) == {kept[-1]["before"]} != {now}
    (found,) = pipeline.json("restore", "ingest", "--last-checkpoint")
    assert "/checkpoints/" in found["restored_from"]


def test_afterwards_nothing_is_missing_and_nothing_is_there_twice(pipeline, feeding):
    feeding.terminate()
    feeding.wait(patient(60))
    pipeline.json("drain", "--timeout", "900")
    found = pipeline.json("verify", "--fail-on-empty")
    assert found["differences"] == 0
