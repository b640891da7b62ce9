"""What a repair has replayed is not replayed again over the same log; what came since is."""

from batch.repair.coverage import Coverage
from batch.repair.requests import REVISED, SEQUENCE_GAP, Request, coalesce
from schemas.catalog import DAY as DAY_US

DAY = 19_944 * DAY_US
SECOND = 1_000_000
ENDS = {("raw.sim.trade.v1", 0): 10, ("raw.sim.trade_cancel.v1", 0): 1, ("raw.other.trade.v1", 0): 5}


def day(entity="sim:A", reason=REVISED):
    return Request(entity, "trade", DAY, DAY + DAY_US, reason)


def second(at=0, reason=REVISED, entity="sim:A", kind="trade"):
    return Request(entity, kind, DAY + at * SECOND, DAY + (at + 1) * SECOND, reason)


def after(requests, ends=ENDS):
    answered = Coverage()
    answered.note(coalesce(requests), ends)
    return answered


def test_the_first_time_everything_is_open():
    assert Coverage().unanswered([day(), second()], ENDS) == [day(), second()]
    assert Coverage().unanswered([day()], {}) == [day()]


def test_a_window_is_answered_once_for_one_log():
    assert after([day(), second()]).unanswered([day(), second(), day()], ENDS) == []


def test_it_is_open_again_when_its_venue_has_sent_anything():
    answered = after([day()])
    assert answered.unanswered([day()], {**ENDS, ("raw.sim.trade.v1", 0): 11}) == [day()]
    assert answered.unanswered([day()], {**ENDS, ("raw.sim.trade_cancel.v1", 0): 2}) == [day()]
    assert answered.unanswered([day()], {**ENDS, ("raw.other.trade.v1", 0): 6}) == []


def test_a_window_that_was_named_is_published_alone_one_that_was_hit_with_all_around_it():
    late = second(3, "behind_watermark")
    assert after([day()]).unanswered([late, second(3)], ENDS) == [late, second(3)]
    assert after([second(reason="behind_watermark"), late]).unanswered([late, second(3), day()], ENDS) == [day()]


def test_other_windows_entities_and_kinds_are_open():
    others = [day(), second(1), second(entity="sim:B"), second(kind="quote")]
    assert after([second()]).unanswered(others, ENDS) == others


def test_answers_over_one_log_add_up_and_a_longer_log_forgets_them():
    answered = after([second()])
    answered.note(coalesce([second(5)]), ENDS)
    assert answered.unanswered([second(), second(5)], ENDS) == []
    longer = {**ENDS, ("raw.sim.trade.v1", 0): 11}
    answered.note(coalesce([second(5)]), longer)
    assert answered.unanswered([second(), second(5)], longer) == [second()]


def test_after_missing_numbers_all_is_sent_again():
    gap = day(reason=SEQUENCE_GAP)
    assert after([gap]).unanswered([gap], ENDS) == [gap]
