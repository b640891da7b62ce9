"""A replay by Flink: from where its records come, and what is left of one that was killed."""

import fcntl

import pytest

from batch.ranges import Days, Span
from batch.replaying.log_parts import LogParts
from batch.replaying.replay import Replayed
from batch.replaying.shards import Plan, Shard
from batch.replaying.steps import Piece
from batch.spark.topics import Extent
from operations import flink_replay
from operations.flink_replay import _gone, _held, _placed, replay, sweep
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import JobInfo
from runtime.replay_order import ReplayOrder
from schemas.versions import Held, Schedule

CONSOLE = Console(json_output=True)
TOPIC, OWN = "raw.sim.trade.v1", "replay-1a."
PIECE = Piece("file", (TOPIC, 1), "2024-08-08", 3, 8, 6, True)
COPIES = {TOPIC: [("e~redriven", "redrive:1:d:late:")]}
PARTS = LogParts({(TOPIC, 1): (3, 9)}, (Plan(Days(None, None), (Shard(TOPIC, 1, 6, 8),), (PIECE,)),), COPIES)


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path, clickhouse={"password": "p"})


@pytest.fixture
def broker(monkeypatch):
    """Return what is done to a broker; ``begin`` is the first offset that it still has."""
    done = {"begin": 0, "created": [], "copied": [], "deleted": []}

    def extents(_broker, topics):
        own = {topic: Extent(topic, {0: 0, 1: 0}, {0: 0, 1: 6}) for topic in topics if topic.startswith(OWN)}
        return own or {TOPIC: Extent(TOPIC, {0: 0, 1: done["begin"]}, {0: 5, 1: 20})}

    monkeypatch.setattr(flink_replay, "extents", extents)
    monkeypatch.setattr(flink_replay, "create", lambda _s, own, topics: done["created"].append((own, [*topics])))
    monkeypatch.setattr(flink_replay, "copy", lambda _spark, work, *_: done["copied"].append(work))
    monkeypatch.setattr(flink_replay, "delete", lambda _s, own: done["deleted"].append(own))
    return done


def placed(settings, source):
    return _placed(settings, CONSOLE, None, PARTS, OWN, None, _gone(settings, PARTS, source))


@pytest.mark.parametrize("source", ["auto", "kafka"])
def test_what_kafka_has_is_read_where_it_is(settings, broker, source):
    assert placed(settings, source) == {TOPIC: [(1, 3, 9)]}
    assert broker["created"] == broker["copied"] == []


@pytest.mark.parametrize(("source", "begin"), [("auto", 4), ("bronze", 0)])
def test_what_kafka_has_not_is_copied_from_bronze(settings, broker, source, begin):
    broker["begin"] = begin
    assert placed(settings, source) == {OWN + TOPIC: [(0, 0, 0), (1, 0, 6)]}
    assert broker["created"] == [(OWN, [TOPIC])]
    assert [work.pieces for work in broker["copied"]] == [(PIECE,)]


def test_a_log_that_was_cut_is_not_enough_for_who_wants_nothing_else(settings, broker):
    broker["begin"] = 4
    with pytest.raises(CommandError, match=r"no longer all of raw\.sim\.trade\.v1/1"):
        placed(settings, "kafka")


def rules_from(offset):
    return Schedule(
        (Held("normalize", 1, rules="old"), Held("normalize", 1, offsets={(TOPIC, 1): offset}, rules="new"))
    )


#: A change in the middle of `PARTS`.
CHANGED = rules_from(5)


@pytest.mark.parametrize(("offset", "rules"), [(3, "new"), (9, "old")])
def test_copies_are_judged_by_what_held_where_they_were(settings, broker, monkeypatch, tmp_path, offset, rules):
    told = []
    monkeypatch.setattr(flink_replay, "FlinkRest", Cluster())
    monkeypatch.setattr(flink_replay, "find", lambda *_: PARTS)
    monkeypatch.setattr(flink_replay, "collect", lambda _s, _b, _own, out, *_: Replayed(out, {"trade": 1}))
    monkeypatch.setattr(flink_replay.bounded, "run", lambda *_, holds, **_more: told.append(holds))
    replay(settings, CONSOLE, None, tmp_path, Span(), schedule=rules_from(offset), source="bronze")
    assert [one.turns("normalize", TOPIC, 1)[0].rules for one in told] == [rules, rules]


def test_copies_of_frames_of_several_versions_are_refused_before_anything_is_copied(
    settings, broker, monkeypatch, tmp_path
):
    monkeypatch.setattr(flink_replay, "FlinkRest", Cluster())
    monkeypatch.setattr(flink_replay, "find", lambda *_: PARTS)
    with pytest.raises(CommandError, match=r"sim\.trade\.v1/1: from offset 5 on .* or other rules hold") as error:
        replay(settings, CONSOLE, None, tmp_path, Span(), schedule=CHANGED, source="bronze")
    assert error.value.code == Exit.USAGE and "--engine spark" in error.value.hint
    assert broker["copied"] == [] and len(broker["deleted"]) == 1


class Cluster:
    def __init__(self):
        self.cancelled = []
        self.live = [JobInfo("1", "normalize", "RUNNING", {}), JobInfo("2", "normalize-replay-dead", "RUNNING", {})]

    def __call__(self, _url):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def jobs(self, *, live):
        assert live
        return self.live

    def cancel(self, job_id):
        self.cancelled.append(job_id)


def test_what_a_killed_replay_left_is_cleaned_up_and_nothing_of_one_that_runs(settings, broker, monkeypatch):
    cluster = Cluster()
    monkeypatch.setattr(flink_replay, "FlinkRest", cluster)
    dead = settings.var_dir / "replays" / "replay-dead.json"
    dead.parent.mkdir()
    dead.touch()
    with _held(settings) as running:
        assert sweep(settings) == ["replay-dead"]
        assert (cluster.cancelled, broker["deleted"]) == (["2"], ["replay-dead."])
        cluster.live.append(JobInfo("3", f"analytics-{running.stem}", "RUNNING", {}))
        assert running.exists() and not dead.exists()
        with running.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert (cluster.cancelled, broker["deleted"][1:]) == (["2", "3"], [f"{running.stem}."])
    assert sweep(settings) == [] and not running.exists()


@pytest.mark.parametrize("fails", [False, True])
def test_both_jobs_run_by_the_order_and_nothing_of_it_stays(settings, broker, monkeypatch, tmp_path, fails):
    monkeypatch.setattr(flink_replay, "FlinkRest", Cluster())
    monkeypatch.setattr(flink_replay, "find", lambda *_: PARTS)
    monkeypatch.setattr(flink_replay, "collect", lambda _s, _b, own, out, *_: Replayed(out, {"trade": len(own)}))
    ran = []

    def run(_settings, _console, job, _timeout, *, replay, holds):
        assert holds == CHANGED  # what Kafka has is read by its own offsets
        assert sweep(settings) == []  # another replay that begins now
        order = ReplayOrder.load(replay)
        assert (order.parts, order.redriven, order.prefix) == ({TOPIC: [(1, 3, 9)]}, COPIES, f"{replay.stem}.")
        ran.append(job)
        if fails:
            raise CommandError("the job failed")

    monkeypatch.setattr(flink_replay.bounded, "run", run)
    if fails:
        with pytest.raises(CommandError, match="the job failed"):
            replay(settings, CONSOLE, None, tmp_path, Span(), schedule=CHANGED)
    else:
        done = replay(settings, CONSOLE, None, tmp_path, Span(), schedule=CHANGED)
        assert (ran, done.events) == (["normalize", "analytics"], 6)
    ((own, topics),) = broker["created"]
    assert broker["deleted"] == [own] and "normalized.trade.v1" in topics
    assert list((settings.var_dir / "replays").iterdir()) == []
