"""A stack made again elsewhere out of a snapshot has the same digests; one that went on has not."""

import pytest
from support.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(2400)]

FEED = ("feed", "sim", "--simulate", "20000", "--malformed", "0.002", "--late", "0.02", "--cancels", "0.005",
        "--corrections", "0.01")  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path):
    one = Stack(tmp_path, memory_mb=2560, slots=8)
    try:
        one.json("up")
        yield one
    finally:
        one.close()


def test_a_snapshot_is_restored_in_an_empty_stack(pipeline, elsewhere, tmp_path):
    pipeline.json(*FEED, "--seed", "5")
    pipeline.json("drain", "--timeout", "600")
    place = str(tmp_path / "snapshot")
    saved = pipeline.json("snapshot", "create", place)
    assert saved["records"] > 19_000
    assert "is not empty" in pipeline.run("snapshot", "create", place).stderr
    assert "this stack is not empty" in pipeline.run("snapshot", "restore", place).stderr

    assert elsewhere.json("snapshot", "restore", place)["records"] == saved["records"]
    elsewhere.json("submit")
    elsewhere.json("drain", "--timeout", "600")
    found = elsewhere.json("snapshot", "check", place)
    assert (found["different"], found["differences"]) == ([], 0)
    assert found["days"] > 10

    # The first stack goes on, so it is no longer what was saved.
    pipeline.json(*FEED, "--seed", "6", "--start", "2026-01-06T00:00:00")
    pipeline.json("drain", "--timeout", "600")
    changed = pipeline.run("snapshot", "check", place)
    assert changed.returncode == 1
    assert "2026-01-06: the snapshot has nothing" in changed.stderr
