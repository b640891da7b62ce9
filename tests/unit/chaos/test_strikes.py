"""A fault that cannot be applied is told, not counted, and never ends the campaign."""

import errno
from random import Random

import pytest

from polyglot.chaos import campaign, disk
from polyglot.chaos.faults import storage
from polyglot.chaos.plan import Strike
from polyglot.chaos.target import NotApplicableError, Target
from polyglot.config import Settings
from polyglot.console import CommandError, Console

CONSOLE = Console(json_output=True)


class Fed(Target):
    def await_fed(self, share):
        return share < 0.5

    def fed(self):
        return 0.25


@pytest.fixture
def target(tmp_path):
    return Fed(Settings(var_dir=tmp_path), Random(1))


@pytest.mark.parametrize("error", [NotApplicableError("not now"), CommandError("no worker"), OSError("gone")])
def test_a_fault_that_fails_is_skipped_with_its_reason(target, monkeypatch, error):
    def fault(_):
        raise error

    monkeypatch.setitem(campaign.FAULTS, "kill-broker", fault)
    hit = campaign._strike(target, CONSOLE, Strike("kill-broker", 0.1))
    assert hit["skipped"] == str(error)


def test_a_fault_that_works_has_its_detail(target, monkeypatch):
    monkeypatch.setitem(campaign.FAULTS, "stall", lambda _: "kafka for 2 s")
    hit = campaign._strike(target, CONSOLE, Strike("stall", 0.1))
    assert hit == {"fault": "stall", "at": 0.25, "detail": "kafka for 2 s"}


def test_after_the_feed_nothing_is_hit(target):
    assert campaign._strike(target, CONSOLE, Strike("kill-broker", 0.6))["skipped"] == "the feed was over"


def test_without_small_disks_none_is_full(target):
    with pytest.raises(NotApplicableError):
        storage.disk_full(target)


def test_a_small_disk_is_full_free_again_and_keeps_what_it_held(tmp_path):
    try:
        small = disk.SmallDisk(tmp_path / "lake")
    except OSError as error:
        pytest.skip(f"no tmpfs can be mounted here: {error}")
    kept = tmp_path / "lake" / "kept"
    try:
        kept.write_bytes(b"x" * 100_000)
        small.fill()
        with pytest.raises(OSError) as full:
            (tmp_path / "lake" / "more").write_bytes(b"x" * 100_000)
        assert full.value.errno == errno.ENOSPC
        small.free()
        (tmp_path / "lake" / "more").write_bytes(b"x" * 100_000)
        small.release()
        assert not (tmp_path / "lake").is_mount()
        assert kept.read_bytes() == b"x" * 100_000
    finally:
        disk.unmount(tmp_path / "lake")
