"""Entities that fall silent: what packs them, what brings them back, and what they take."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from property.window_oracle import DAY, HORIZON, SECOND, SKEW, Plain, Quote, Revision, Trade, quote_bar

from udfs.kernels.slices import Slices
from udfs.state.operator import Journal
from udfs.windows.bar_objects import read_bar
from udfs.windows.definition import BARS, QUOTE_BARS, Definition, Limits
from udfs.windows.fold import NEVER, WindowFold
from udfs.windows.kernels import layout as at

START = 1_767_571_200 * SECOND
HOUR = 3_600 * SECOND
LIMITS = Limits(HORIZON, SKEW, 2, silent=HOUR)
TRADES, CANCELS, QUOTES = "normalized.trade.v1", "normalized.trade_cancel.v1", "normalized.quote.v1"


class Log(NamedTuple):
    """A fold, and the entries of its log that are still needed."""

    fold: WindowFold
    journal: Journal
    kept: dict[int, bytes]

    @classmethod
    def of(cls, definition: Definition = BARS) -> Log:
        return cls(WindowFold(definition, (), LIMITS), Journal(least=1, budget=64), {})

    def turn(self, *records: Trade | Quote | Revision, topic: str = TRADES) -> list[bytes]:
        """Feed, tell all that waits, and save; return what is told."""
        self.fold.fold(topic, Slices.of([record.wire() for record in records]))
        told = self.fold.close()
        flushed = self.journal.flush(self.fold)
        self.kept.update(flushed.entries)
        for number in flushed.dropped:
            del self.kept[number]
        self.fold.emit(NEVER)  # what was saved may be packed
        return told.results.wire().tolist()

    def restored(self) -> Log:
        parts = [part for _, part in sorted(self.kept.items())]
        fold = WindowFold.restore(self.fold.definition, parts, (), LIMITS)
        return Log(fold, Journal(sorted(self.kept.items()), least=1, budget=64), dict(self.kept))


def trade(seq: int, time: int, entity: str = "v:A", trade_id: str = "12345678") -> Trade:
    return Trade(entity, START + time, START + time, seq, trade_id, 5 * 10**16 + seq, 10**12, "buy")


def rows(fold: WindowFold) -> int:
    return fold.count(at.ROWS) - fold.count(at.FREE)


def silent(count: int, trade_id: str = "12345678") -> Log:
    """Return a log of entities that spoke once, and of one that spoke two hours later."""
    log = Log.of()
    log.turn(*(trade(1, k, entity=f"v:{k:05d}", trade_id=trade_id) for k in range(count)))
    for seq in range(1, 4 + count // 64):
        log.turn(trade(seq, 2 * HOUR + seq, entity="v:B"))
    return log


@pytest.mark.parametrize(("trade_id", "most"), [("1", 180), ("12345678", 200), ("c" * 36, 550)])
def test_a_silent_entity_is_packed_into_a_few_hundred_bytes(trade_id: str, most: int) -> None:
    count = 1_000
    log = silent(count, trade_id)
    assert log.fold.cold == count
    assert rows(log.fold) == 5
    assert log.fold._cold.size < most * count


@pytest.mark.parametrize("trade_id", ["1", "c" * 36])
def test_what_speaks_again_goes_on_where_it_was(trade_id: str) -> None:
    log, plain = silent(100, trade_id), Plain()
    again = [trade(2, 90 * SECOND + k, entity=f"v:{k:05d}") for k in range(100)]
    for record in [*(trade(1, k, entity=f"v:{k:05d}", trade_id=trade_id) for k in range(100)), *again]:
        plain.add(record)
    wanted = {plain.version(key, len(found)) for key, found in plain.windows.items() if found[-1].seq == 2}
    restored = log.restored()
    assert restored.fold.cold == 100
    for each in (restored, log):
        assert set(each.turn(*again)) == wanted
        assert each.fold.cold == 0


def test_a_cold_entity_is_told_once_and_with_each_round() -> None:
    log = silent(10)
    log.journal.flush(log.fold)
    assert len(log.fold.delta()) < 100
    assert len(WindowFold.restore(BARS, [log.fold.snapshot()], (), LIMITS)._cold) == 10


def test_what_was_not_told_or_not_saved_is_not_packed() -> None:
    fold = WindowFold(BARS, (), LIMITS)
    fold.fold(TRADES, Slices.of([trade(1, 0).wire(), trade(1, DAY, entity="v:B").wire()]))
    fold.emit(NEVER)
    fold.delta()
    fold.emit(NEVER)
    assert fold.cold == 0  # not told
    fold.close()
    fold.emit(NEVER)
    assert fold.cold == 0  # told, and that is not saved
    fold.delta()
    fold.emit(NEVER)
    assert fold.cold == 1


def test_history_behind_newer_records_is_not_silent_while_it_is_fed() -> None:
    log = Log.of()
    log.turn(trade(1, 30 * DAY, entity="v:B"))
    for seq in range(1, 50):
        log.turn(trade(seq, seq * SECOND))
        assert log.fold.cold == 0


def test_a_revision_marks_windows_that_are_cold() -> None:
    log = silent(1)
    assert log.turn(Revision("v:00000", START, START + HOUR, 1), topic=CANCELS) == []
    for seq in (4, 5):
        log.turn(trade(seq, 3 * HOUR, entity="v:B"))
    assert log.fold.cold == 1
    for each in (log.restored(), log):
        each.fold.fold(TRADES, Slices.of([trade(2, 1, entity="v:00000").wire()]))
        told = each.fold.close()
        assert len(told.results) == 0
        assert len(told.requests) == 5


def test_a_revision_of_what_is_to_come_is_packed_too() -> None:
    """A window that is newer than all of its entity's events."""
    log = Log.of()
    log.turn(trade(1, 0))
    log.turn(Revision("v:A", START + 7 * SECOND, START, 1), topic=CANCELS)
    for seq in range(1, 4):
        log.turn(trade(seq, 2 * HOUR + seq, entity="v:B"))
    assert log.fold.cold == 1
    assert rows(log.fold) == 5
    for each in (log.restored(), log):
        bars = [read_bar(value) for value in each.turn(trade(2, 2 * SECOND), trade(3, 7 * SECOND))]
        assert [(bar.interval, bar.version) for bar in bars] == [("1s", 1)]


def test_a_quote_goes_on_as_well() -> None:
    log = Log.of(QUOTE_BARS)
    quotes = [Quote("v:A", START + k, START + k, k, (k, 1, 2 * k, 1)) for k in (1, 2)]
    log.turn(quotes[0], topic=QUOTES)
    for seq in range(1, 4):
        log.turn(Quote("v:B", START + DAY, START + DAY, seq, (1, 1, 1, 1)), topic=QUOTES)
    assert log.fold.cold == 1
    wanted = [quote_bar(("v:A", "1s", START), quotes)]
    assert log.restored().turn(quotes[1], topic=QUOTES) == wanted
    assert log.turn(quotes[1], topic=QUOTES) == wanted
