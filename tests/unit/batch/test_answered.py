"""What a repair has replayed is not replayed again over the same log; what came since is."""

from batch.answered import Answered
from batch.ranges import DAY_US
from batch.requests import SEQUENCE_GAP, Request, coalesce

DAY = 19_944 * DAY_US
SECOND = 1_000_000
ENDS = {("raw.sim.trade.v1", 0): 10, ("raw.sim.trade_cancel.v1", 0): 1, ("raw.other.trade.v1", 0): 5}


def day(entity="sim:A", reason="revised", kind="trade"):
    return Request(entity, kind, DAY, DAY + DAY_US, reason)


def minute(entity="sim:A", at=0):
    return Request(entity, "trade", DAY + at * 60 * SECOND, DAY + (at + 1) * 60 * SECOND, "revised")


def after(requests, ends=ENDS):
    answered = Answered()
    answered.note(coalesce(requests), ends)
    return answered


def test_the_first_time_everything_is_open():
    assert Answered().unanswered([day(), minute()], ENDS) == [day(), minute()]
    assert Answered().unanswered([day()], {}) == [day()]


def test_a_window_is_answered_once_for_one_log():
    answered = after([day()])
    assert answered.unanswered([day(), minute(), minute(at=7)], ENDS) == []


def test_it_is_open_again_when_its_venue_has_sent_anything():
    answered = after([day()])
    assert answered.unanswered([day()], {**ENDS, ("raw.sim.trade.v1", 0): 11}) == [day()]
    assert answered.unanswered([day()], {**ENDS, ("raw.sim.trade_cancel.v1", 0): 2}) == [day()]
    assert answered.unanswered([day()], {**ENDS, ("raw.other.trade.v1", 0): 6}) == []


def test_other_windows_entities_and_kinds_are_open():
    answered = after([minute()])
    others = [day(), minute(at=1), minute("sim:B"), Request("sim:A", "quote", DAY, DAY + SECOND, "revised")]
    assert answered.unanswered(others, ENDS) == others


def test_answers_over_one_log_add_up_and_a_longer_log_forgets_them():
    answered = after([minute()])
    answered.note(coalesce([minute(at=5)]), ENDS)
    assert answered.unanswered([minute(), minute(at=5)], ENDS) == []
    longer = {**ENDS, ("raw.sim.trade.v1", 0): 11}
    answered.note(coalesce([minute(at=5)]), longer)
    assert answered.unanswered([minute(), minute(at=5)], longer) == [minute()]


def test_after_missing_numbers_all_is_sent_again():
    gap = day(reason=SEQUENCE_GAP)
    assert after([gap]).unanswered([gap], ENDS) == [gap]
