"""A fault that cannot be applied is told, not counted, and never ends the campaign."""

import errno
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from devstack.chaos import campaign, disk
from devstack.chaos.faults import feeds as faults
from devstack.chaos.faults import processes, storage
from devstack.chaos.faults.feeds import HORIZON_S, SKEW_S
from devstack.chaos.feeds import Feed
from devstack.chaos.plan import Strike, plan
from devstack.chaos.target import NotApplicableError, Target
from operations.jobs import JOBS
from runtime.config import Settings
from runtime.console import CommandError, Console

CONSOLE = Console(json_output=True)


class Fed(Target):
    """A quarter is fed when a fault is due at less than half; else the feed is where ``late`` says."""

    feeding = True
    late = 0.97
    share = 0.0

    def await_fed(self, share):
        self.share = share
        return share < 0.5

    def fed(self):
        return 0.25 if self.share < 0.5 else self.late


@pytest.fixture
def target(tmp_path):
    return Fed(Settings(var_dir=tmp_path), Random(1))


@pytest.mark.parametrize("error", [NotApplicableError("not now"), CommandError("no worker"), OSError("gone")])
def test_a_fault_that_fails_is_skipped_with_its_reason(target, monkeypatch, error):
    def fault(_):
        raise error

    monkeypatch.setitem(campaign.FAULTS, "kill-broker", fault)
    hit = campaign.strike(target, CONSOLE, Strike("kill-broker", 0.1))
    assert hit["skipped"] == str(error)


def test_a_fault_that_works_has_its_detail(target, monkeypatch):
    monkeypatch.setitem(campaign.FAULTS, "stall", lambda _: "kafka for 2 s")
    hit = campaign.strike(target, CONSOLE, Strike("stall", 0.1))
    assert hit == {"fault": "stall", "at": 0.25, "detail": "kafka for 2 s"}


def test_near_the_end_of_the_feed_nothing_is_hit(target, monkeypatch):
    monkeypatch.setitem(campaign.FAULTS, "kill-broker", lambda _: pytest.fail("there is no load"))
    hit = campaign.strike(target, CONSOLE, Strike("kill-broker", 0.6))
    assert hit == {"fault": "kill-broker", "at": 0.97, "detail": "", "skipped": "no load: 97% are fed"}
    target.feeding = False
    hit = campaign.strike(target, CONSOLE, Strike("kill-broker", 0.1))
    assert (hit["at"], hit["skipped"]) == (1.0, "no load: 100% are fed")


def test_a_fault_that_has_waited_too_long_hits_nothing(target, monkeypatch):
    """Its process may come back when nothing is fed any more."""

    def waited(_):
        target.share = 1.0

    monkeypatch.setattr(target, "process", waited)
    monkeypatch.setattr(processes, "_kill", lambda *_: pytest.fail("there is no load"))
    for name in ("kill-taskmanager", "kill-broker", "kill-clickhouse"):
        target.share = 0.0
        hit = campaign.strike(target, CONSOLE, Strike(name, 0.1))
        assert (hit["at"], hit["skipped"]) == (0.97, "no load: 97% are fed")


class Jobs(Fed):
    """Jobs that stop and start at once; ``done`` is what happened to them."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.done = []

    def await_jobs(self, *names):
        pass

    def restart(self, job, parallelism=1, **environment):
        self.done.append((job, parallelism, environment))


def test_rescaling_takes_the_jobs_in_turn(tmp_path):
    target = Jobs(Settings(var_dir=tmp_path), Random(1))
    for seed in range(3):
        (strike,) = plan(seed, 1, ["rescale"])
        assert "skipped" not in campaign.strike(target, CONSOLE, replace(strike, at=0.1))
    assert sorted(job for job, degree, _ in target.done if degree == 2) == sorted(JOBS)
    assert [degree for _, degree, _ in target.done] == [2, 1] * 3
    assert "analytics" in {job for job, *_ in target.done}


def test_the_disks_take_turns(target, monkeypatch):
    full = []

    class Disk:
        def __init__(self, name):
            self.folder = Path(name)

        def fill(self):
            full.append(self.folder.name)
            return 0

        def free(self):
            pass

    monkeypatch.setattr(storage, "time", SimpleNamespace(sleep=lambda _: None))
    target.disks = [Disk("lake"), Disk("checkpoints")]
    for turn in range(4):
        campaign.strike(target, CONSOLE, Strike("disk-full", 0.1, turn))
    assert full == ["lake", "checkpoints"] * 2


class Silent:
    """The second venue's collector."""

    name, paused = "lone", False

    def __init__(self, target):
        self.target, self.said = target, []

    @contextmanager
    def silence(self):
        self.said.append("silent")
        try:
            yield
        finally:
            self.said.append(f"heard after {len(self.target.done)} restarts")

    def through(self):
        return False


class Windows(Jobs):
    """The watermark of the windows rises by a minute whenever somebody looks."""

    marks = 0

    def windows_ms(self):
        self.marks += 60_000
        return self.marks


@pytest.fixture
def venue(tmp_path, monkeypatch):
    """Return a target whose second venue can fall silent, and a function that says which requests will follow."""
    target, new = Windows(Settings(var_dir=tmp_path), Random(1)), [[]]
    lone = Silent(target)
    target.collectors = [lone]
    target.feed = Feed([("binance_usdm", Path("x"))], 0, 1000.0, 10.0)
    clock, newest = iter(range(10_000)), iter([0, 10**9])
    target._offsets = SimpleNamespace(newest_ms=lambda _: next(newest))
    monkeypatch.setattr(faults, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    monkeypatch.setattr(faults, "TopicReader", lambda *_: SimpleNamespace(new=lambda: new.pop(0)))
    monkeypatch.setattr(faults, "await_windows", lambda *_: lone.said.append("through"))

    def follow(*reasons):
        new.append([({"reason": reason, "entity_id": "binance_usdm:BTCUSDT"}, b"") for reason in reasons])

    return target, lone, follow


def test_a_venue_is_silent_until_the_watermark_is_beyond_its_horizon(venue):
    target, lone, follow = venue
    follow("revised")
    hit = campaign.strike(target, CONSOLE, Strike("pause-venue", 0.1))
    assert hit["detail"].endswith(" s of event time")
    assert "skipped" not in hit
    assert target.done == [("analytics", 1, {})]
    assert target.marks > 1000 * (HORIZON_S + SKEW_S)
    assert lone.said == ["silent", "heard after 1 restarts", "through"]


def test_a_backlog_that_must_be_asked_for_fails_the_campaign(venue):
    target, _, follow = venue
    follow("revised", "sequence_gap")
    with pytest.raises(RuntimeError, match="law 6: 1 events of the backlog are asked for"):
        campaign.strike(target, CONSOLE, Strike("pause-venue", 0.1))


def test_a_silence_that_outlives_the_feed_ends_in_order(venue):
    target, lone, _ = venue
    target.windows_ms = lambda: setattr(target, "feeding", False)  # no watermark, and then no feed
    hit = campaign.strike(target, CONSOLE, Strike("pause-venue", 0.1))
    assert hit["skipped"].startswith("the feed was over before")
    assert lone.said == ["silent", "heard after 0 restarts"]
    assert target.done == []


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
