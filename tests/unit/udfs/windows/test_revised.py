"""Cancels and corrections of trades in the log, case by case; `property/test_revised_windows.py` has all histories."""

from __future__ import annotations

import pytest
from property.test_revised_windows import RevisedRun
from property.window_oracle import HORIZON, KEEP, SECOND, Revision, Trade

from udfs.kernels.slices import Slices
from udfs.state.operator import Journal
from udfs.windows.definition import BARS, Limits
from udfs.windows.fold import NEVER, WindowFold
from udfs.windows.kernels import layout as at

START = 1_767_571_200 * SECOND
HOUR = 3_600 * SECOND
LONG = "c" * 36


def trade(seq: int, time: int, *, received: int | None = None, trade_id: str = "", entity: str = "v:A") -> Trade:
    received = time if received is None else received
    return Trade(entity, START + time, START + received, seq, trade_id or str(seq), 10**13 + seq, 10**12 + seq, "buy")


def cancel(seq: int, of: Trade) -> Revision:
    return Revision(of.entity, of.time, of.ingest, seq, of.trade_id, 1, of.time)


def correct(seq: int, of: Trade, price: int, *, revision: int = 1, decided: int = 0) -> Revision:
    return Revision(of.entity, of.time, of.ingest, seq, of.trade_id, revision, of.time + decided, price, 3 * 10**12)


def feed(run: RevisedRun, *records: Trade | Revision) -> None:
    for record in records:
        run.plain.add(record)
    run.feed(list(records))
    run.tell(NEVER, tick=True)


def exact(*records: Trade | Revision, silent: int = 7_200 * SECOND) -> RevisedRun:
    """Feed records one by one; at the end all windows are told, and none is asked for."""
    run = RevisedRun.new(silent)
    for record in records:
        feed(run, record)
    run.finish()
    assert run.asked == set()
    return run


ONE, TWO = trade(1, 10), trade(2, 20)


def test_a_cancel_takes_a_trade_out_of_all_windows() -> None:
    run = exact(ONE, TWO, trade(3, 61 * SECOND), cancel(1, ONE), cancel(2, TWO))
    bar = run.plain.version(("v:A", "1s", START), 4)
    assert BARS.record(bar).trade_count == 0


def test_a_cancel_twice_is_one_and_two_events() -> None:
    exact(ONE, TWO, cancel(1, ONE), cancel(2, ONE))


def test_the_last_correction_is_by_revision_then_time_then_number() -> None:
    exact(ONE, correct(1, ONE, 7, revision=2), correct(2, ONE, 9), TWO)
    exact(ONE, correct(1, ONE, 7, decided=2), correct(2, ONE, 9, decided=1), TWO)
    exact(ONE, correct(1, ONE, 7), correct(2, ONE, 9), TWO)


def test_a_cancel_wins_over_corrections_before_and_behind_it() -> None:
    exact(ONE, TWO, correct(1, ONE, 7), cancel(1, ONE), correct(2, ONE, 9, revision=2))
    exact(correct(1, ONE, 7), cancel(1, ONE), ONE, TWO)


def test_a_revision_waits_for_its_trade() -> None:
    exact(cancel(1, TWO), correct(1, ONE, 7), ONE, TWO)


@pytest.mark.parametrize("trade_id", ["7", LONG])
def test_all_trades_of_an_id_and_a_time_are_meant_and_no_others(trade_id: str) -> None:
    same = [trade(seq, 10, trade_id=trade_id) for seq in (1, 2)]
    others = [trade(3, 11, trade_id=trade_id), trade(4, 10, trade_id=trade_id[:-1] + "d")]
    exact(*same, *others, trade(1, 10, trade_id=trade_id, entity="v:B"), cancel(1, same[0]))


@pytest.mark.parametrize("past", [0, 1])
def test_the_log_has_a_trade_as_long_as_one_can_come_to_its_second(past: int) -> None:
    run = RevisedRun.new(7_200 * SECOND)
    feed(run, ONE, trade(2, SECOND + KEEP - 1 + past))
    run.tell(NEVER)  # what is over is forgotten
    feed(run, cancel(1, ONE))
    run.finish()
    assert (run.plain.too_old, len(run.asked)) == (past, 5 * past)


def test_a_log_that_is_over_is_forgotten_and_its_windows_are_not() -> None:
    fold = WindowFold(BARS, (), Limits(HORIZON, 5 * SECOND, 2, revising=("v",)))
    for k in range(200):
        fold.fold("normalized.trade.v1", Slices.of([trade(k + 1, k * SECOND).wire()]))
        fold.tick(NEVER, everything=True)
        fold.delta()
    assert fold.count(at.IN_LOG) <= KEEP // SECOND + 15
    assert fold.count(at.LOG_MADE) < 200
    for _ in range(10):
        fold.emit(NEVER)
    assert fold.count(at.ROWS) - fold.count(at.FREE) > 140  # of minutes that are not over


def test_a_longer_window_is_computed_from_seconds_whose_log_is_over() -> None:
    trades = [trade(1, 0), trade(2, 50 * SECOND), trade(3, 150 * SECOND)]
    run = RevisedRun.new(7_200 * SECOND)
    feed(run, *trades)
    run.save()
    for _ in range(5):
        run.tell(NEVER, tick=True)
    feed(run, cancel(1, trades[1]))
    run.finish()
    assert run.asked == set()


def test_an_amended_trade_is_in_the_windows_that_longer_ones_are_computed_from() -> None:
    late = trade(3, 2 * SECOND, received=150 * SECOND)
    exact(trade(1, 50 * SECOND), trade(2, 150 * SECOND), late, cancel(1, trade(1, 50 * SECOND)))


def test_an_amended_trade_that_a_forgotten_revision_may_mean_is_left_to_repair() -> None:
    late = trade(2, 2 * SECOND, received=150 * SECOND)
    run = RevisedRun.new(7_200 * SECOND)
    feed(run, cancel(1, late), trade(1, 150 * SECOND), late)
    run.finish()
    assert len(run.asked) == 5


def test_what_is_left_to_repair_stays_so_and_shorter_windows_are_told() -> None:
    old, fresh = trade(1, 0), trade(2, 200 * SECOND)
    run = RevisedRun.new(7_200 * SECOND)
    feed(run, old, fresh, trade(3, 201 * SECOND), cancel(1, old))
    for crash in (False, True):
        if crash:
            run.save()
            run.restore()
        feed(run, cancel(2 + crash, fresh))
    run.finish()
    left = {name for _, name, _ in run.plain.left}
    assert (left, run.view["v:A", "1s", fresh.time]) == ({"1m", "5m", "1h", "1d"}, 3)


def test_the_log_is_saved_in_deltas_and_slices() -> None:
    trades = [trade(k, 10 * k, trade_id=LONG + str(k % 3)) for k in range(1, 60)]
    run = RevisedRun.new(7_200 * SECOND)
    for k, each in enumerate(trades):
        feed(run, each)
        if k % 4 == 0:
            run.save()
    run.save()
    run.restore()
    feed(run, cancel(1, trades[3]), correct(1, trades[7], 7))
    run.save()
    run.restore()
    feed(run, correct(2, trades[7], 9), trade(60, 700))
    run.finish()


def test_a_slice_has_so_many_trades_of_the_log_at_most() -> None:
    run = RevisedRun.new(7_200 * SECOND)
    run.feed([trade(k, k * 1_000) for k in range(1, 20_000)])
    journal = Journal(least=1, budget=100)
    entries: dict[int, bytes] = {}
    rounds = 0
    for seq in range(20_000, 20_100):
        run.feed([trade(seq, seq * 1_000)])
        run.fold.emit(NEVER)
        flushed = journal.flush(run.fold)
        entries |= dict(flushed.entries)
        rounds += len(flushed.dropped) > 0
        entries = {number: part for number, part in entries.items() if number not in flushed.dropped}
    assert rounds > 0
    assert len(entries) > 10
    again = WindowFold.restore(BARS, [part for _, part in sorted(entries.items())], (), run.limits)
    assert again.count(at.IN_LOG) == 20_099


@pytest.mark.parametrize("restart", [False, True])
def test_a_silent_entity_has_its_log_packed_with_it(restart: bool) -> None:
    run = RevisedRun.new(HOUR)
    feed(run, ONE, TWO, cancel(1, ONE))
    run.see(run.fold.close())
    run.save()
    for seq in range(1, 4):
        feed(run, trade(seq, 2 * HOUR + seq, entity="w:B"))
    assert (run.fold.cold, run.fold.count(at.IN_LOG)) == (1, 0)
    run.save()
    if restart:
        run.restore()
    feed(run, cancel(2, TWO))
    assert run.fold.cold == 0
    run.finish()
    assert run.asked == set()


def test_entities_of_a_state_keep_what_they_were_when_a_venue_is_declared() -> None:
    before = WindowFold(BARS, (), Limits(HORIZON, 5 * SECOND, 2))
    before.fold("normalized.trade.v1", Slices.of([ONE.wire()]))
    fold = WindowFold.restore(BARS, [before.snapshot()], (), Limits(HORIZON, 5 * SECOND, 2, revising=("v",)))
    other = trade(1, 10, entity="v:B")
    fold.fold("normalized.trade.v1", Slices.of([other.wire()]))
    fold.fold("normalized.trade_cancel.v1", Slices.of([cancel(1, ONE).wire(), cancel(1, other).wire()]))
    assert {each.entity_id for each in fold.close().requests} == {"v:A"}
