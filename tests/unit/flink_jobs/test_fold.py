"""The operator over blocks: what it hands on, when it saves, and that it runs the code it was submitted with."""

import re
import struct
from types import SimpleNamespace

import pytest
from pyflink.datastream import TimeDomain
from support.blocks import block, rows

from flink_jobs import fold_accounts, worker
from flink_jobs.environment import python_options
from flink_jobs.fold_accounts import Counted
from flink_jobs.operators.fold import SOON_MS, TICK_MS, ShardFold, Ticks, Work
from flink_jobs.replies import joined
from runtime.config import ROOT, Settings
from schemas.versions import PARAMETER, Held, Schedule, pack
from udfs.quality import QualityStop
from udfs.state.operator import Whole
from udfs.wire.blocks import Records


class Log(Whole):
    """A fold that keeps the values it was given, and stops at one; by the clock it tells how many there are."""

    def __init__(self, topic, log):
        self.values, self.fresh = [value for part in log for value in part.split()], []
        self.waiting = 0

    def take(self, part, marks):
        for value in part.values.tolist():
            if value == b"stop":
                raise QualityStop(SimpleNamespace(name="rule", topic="t"), "e", "1", "0")
            self.values.append(value)
            self.fresh.append(value)
            self.waiting += 1
        return Counted([Records.of("out", [(1, b"k", value) for value in self.values])], {"in": len(part.values)})

    def delta(self):
        fresh, self.fresh = self.fresh, []
        return b" ".join(fresh)

    def snapshot(self):
        self.fresh = []
        return b" ".join(self.values)

    def tick(self, mark, everything):
        """Tell one value at a time; two if nothing came since."""
        told = min(self.waiting, 2 if everything else 1)
        self.waiting -= told
        return Counted([Records.of("told", [(mark, b"k", b"%d" % told)])], {"told": told}), self.waiting > 3

    def close(self):
        return Counted([Records.of("told", [(1, b"k", b"all")])], {})


COUNTERS = ("in", "told")
LOG = Work(Log, Log.take, joined, (1,), COUNTERS)
TICKING = Work(Log, Log.take, joined, (1,), COUNTERS, ticks=Ticks(Log.tick, Log.close))
#: Reply of nothing.
NOTHING = joined([])[0]


class Flink(dict):
    """The entries of a map state, and what has it and the timers; of the one key there is."""

    def __init__(self):
        self.timers, self.now, self.domain = [], 1_000, TimeDomain.PROCESSING_TIME

    def get_map_state(self, descriptor):
        return self

    def put(self, key, value):
        self[key] = value

    def remove(self, key):
        del self[key]

    def timer_service(self):
        return self

    def current_processing_time(self):
        return self.now

    def register_processing_time_timer(self, time):
        self.timers.append(time)

    def register_event_time_timer(self, time):
        self.end = time

    def time_domain(self):
        return self.domain

    def get_current_key(self):
        return ("2/7",)


def opened(flink, work=LOG):
    operator = ShardFold(work)
    operator.open(flink)
    return operator


def run(operator, *records, flink=None, mark=0):
    return list(
        operator.process_element(block(2, [("t", n, 0, value) for n, value in enumerate(records)], mark), flink)
    )


def numbers(account):
    """Return an account's bytes of state, watermark (µs) and what the counters rise by."""
    return struct.unpack(f"<{2 + len(COUNTERS)}q", account)


def test_state_is_saved_at_the_marker_and_found_again():
    state = Flink()
    operator = opened(state)
    run(operator, b"a", b"b")
    run(operator, b"c")
    assert state == {}
    run(operator)
    assert state == {"t\x000": b"a b c"}
    assert run(operator) == []  # nothing came since
    assert state == {"t\x000": b"a b c"}
    ((reply, _, message),) = run(opened(state), b"d")
    assert message is None
    assert [reply.count(value) for value in (b"a", b"b", b"c", b"d")] == [1, 1, 1, 1]


def test_a_stop_is_handed_on_and_saves_nothing():
    state = Flink()
    operator = opened(state)
    ((reply, account, message),) = run(operator, b"a", b"stop")
    assert (reply, account, "rule" in message) == (NOTHING, None, True)
    run(operator)
    assert state == {}


def test_entries_that_a_snapshot_makes_needless_are_dropped():
    state = Flink()
    operator = opened(state)
    for n in range(40):
        run(operator, *(b"%010d" % (1_000 * n + k) for k in range(1_000)))
        run(operator)
        numbers = sorted(int(key.removeprefix("t\0")) for key in state)
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] > 0
    assert opened(state)._shard(2).folds["t"].values == operator._shard(2).folds["t"].values


def test_what_is_kept_back_is_handed_over_at_the_marker():
    work = Work(
        Log, Log.take, joined, (1,), COUNTERS,
        flush=lambda fold: [Records.of("lake", [(1, b"k", b" ".join(fold.values))])],
    )  # fmt: skip
    operator = opened(Flink(), work)
    run(operator, b"a", b"b")
    assert [rows(reply) for reply, *_ in run(operator)] == [[("lake", 1, b"k", b"a b")]]
    assert run(operator) == []


def test_what_no_watermark_tells_is_told_by_the_clock():
    flink = Flink()
    operator = opened(flink, TICKING)

    def tick():
        flink.now = flink.timers[-1]
        ((reply, account, message),) = operator.on_timer(flink.now, flink)
        assert message is None
        told = [(time, value) for _, time, _, value in rows(reply)]
        assert numbers(account)[2:] == (0, sum(int(value) for _, value in told))
        return told

    run(operator, *b"abcde".split(), flink=flink)  # one record
    run(operator, b"b", b"c", b"d", b"e", flink=flink, mark=7)
    assert flink.timers == [1_000 + TICK_MS]  # one timer, whatever comes
    assert tick() == [(7_000, b"1")]
    assert flink.timers[1:] == [flink.now + SOON_MS]  # there is more than one turn can tell
    assert tick() == [(7_000, b"1")]
    assert flink.timers[2:] == [flink.now + TICK_MS]
    assert tick() == [(7_000, b"2")]  # nothing came since the last tick
    assert tick() == [(7_000, b"1")]
    assert len(flink.timers) == 4  # nothing waits, no timer
    run(operator, b"f", flink=flink)
    assert flink.timers[4:] == [flink.now + TICK_MS]


def test_a_timer_that_was_restored_sets_no_second_one():
    flink = Flink()
    operator = opened(flink, TICKING)
    run(operator, *[b"x"] * 9, flink=flink)
    list(operator.on_timer(flink.timers[0] - 1_500, flink))
    assert len(flink.timers) == 1
    list(operator.on_timer(flink.timers[0], flink))
    assert len(flink.timers) == 2


def test_the_end_of_the_input_tells_everything():
    flink = Flink()
    operator = opened(flink, TICKING)
    run(operator, b"a", flink=flink)
    flink.domain = TimeDomain.EVENT_TIME
    ((reply, _, _),) = operator.on_timer(flink.end, flink)
    assert [value for *_, value in rows(reply)] == [b"all"]
    assert flink.end == (1 << 63) - 2


def test_a_tick_restores_the_shard():
    flink = Flink()
    operator = opened(flink, TICKING)
    run(operator, b"a", b"b", flink=flink)
    run(operator)
    restored = opened(flink, TICKING)
    ((reply, _, _),) = restored.on_timer(9_000, flink)
    assert restored._shard(2).folds["t"].values == [b"a", b"b"]
    assert [value for *_, value in rows(reply)] == [b"0"]


def test_what_is_counted_goes_with_the_row_that_it_is_of():
    state = Flink()
    operator = opened(state)
    assert [numbers(account) for _, account, _ in run(operator, b"a", b"b", mark=7)] == [(0, 7_000, 2, 0)]
    assert [numbers(account) for _, account, _ in run(operator, b"c", mark=6)] == [(0, 7_000, 1, 0)]
    ((reply, account, _),) = run(operator, mark=9)
    assert (reply, numbers(account)) == (NOTHING, (len(b"a b c"), 9_000, 0, 0))


def test_state_bytes_are_those_that_are_kept_also_after_a_restore():
    state = Flink()
    operator = opened(state)
    for n in range(40):
        run(operator, *(b"%010d" % (1_000 * n + k) for k in range(1_000)))
        ((_, account, _),) = run(operator)
        assert numbers(account)[0] == sum(map(len, state.values()))
    assert min(int(key.removeprefix("t\0")) for key in state) > 0  # some were dropped
    ((_, account, _),) = run(opened(state), b"d")
    assert numbers(account)[0] == sum(map(len, state.values()))


def test_what_nobody_declared_is_not_counted_silently():
    with pytest.raises(KeyError, match="told"):
        fold_accounts.account(("in",), [Counted([], {"told": 1})], 0, 0)


def test_other_code_than_was_submitted_is_refused(monkeypatch):
    operator = ShardFold(LOG)
    operator.open(Flink())
    monkeypatch.setattr(worker, "CODE", "0123456789abcdef")
    with pytest.raises(RuntimeError, match=r"this worker has 0123456789abcdef: .* restart the TaskManager"):
        operator.open(Flink())


def test_the_code_is_known_by_its_digest(monkeypatch, tmp_path):
    assert re.fullmatch("[0-9a-f]{16}", worker.CODE)
    assert worker._digest() == worker.CODE
    (tmp_path / "udfs").mkdir()
    (tmp_path / "udfs" / "one.py").write_text("1")
    monkeypatch.setattr(worker, "_ROOT", tmp_path)
    first = worker._digest()
    (tmp_path / "udfs" / "one.py").write_text("2")
    assert first != worker._digest() != worker.CODE


@pytest.mark.parametrize("mode", ["process", "thread"])
def test_kernels_find_our_packages_and_those_that_they_need(mode):
    options = python_options(Settings(flink={"python_mode": mode}))
    own, others = options["python.pythonpath"].split(":")
    assert (options["python.execution-mode"], own) == (mode, str(ROOT))
    assert others.endswith("site-packages")


@pytest.mark.parametrize("mode", ["process", "thread"])
def test_a_job_knows_which_versions_hold(mode):
    """PyFlink's own parameters are all that it hands over in thread mode: the JVM's context has the others."""
    held, found = Schedule((Held("bar", 1), Held("bar", 2, 7))), []
    given = {PARAMETER: pack(held.text())}

    def restore(name, log, schedule):
        found.append(schedule)
        return Log(name, log)

    flink = Flink()
    flink.get_job_parameter = lambda name, default: given.get(name, default) if mode == "process" else default
    if mode == "thread":
        flink._runtime_context = SimpleNamespace(getGlobalJobParameters=lambda: given)
    work = Work(restore, Log.take, joined, (1,), COUNTERS, versioned=True)
    run(opened(flink, work), b"a")
    assert found == [held]
    given.clear()
    with pytest.raises(RuntimeError, match="without saying which versions"):
        opened(flink, work)
