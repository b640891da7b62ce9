"""What folds count of themselves, against logs of which all is known."""

from __future__ import annotations

from typing import Any

from property.flink import FoldJob
from property.frames import SECOND, binance_depth, binance_trade
from support.blocks import rows
from support.folds import work
from support.normalized import envelope

from flink_jobs.operators.fold import ShardFold

NOW = 1_767_623_400 * SECOND
RAW, TRADES = "raw.sim.trade.v1", "normalized.trade.v1"


def job(fold: str) -> FoldJob:
    its = work(fold)
    return FoldJob(lambda: ShardFold(its))


def sent(number: int, price: str = "1.5", *, seq: int, behind: int = 0) -> bytes:
    """Return an envelope of trade ``number``, received ``behind`` µs after its time."""
    topic, value = envelope("sim", binance_trade("AUSDT", number, NOW, price, "2"), NOW + behind, seq)
    assert topic == RAW
    return value


#: Trades 1, 2 and 3; 1 again, as the second collector's copy; 2 with another price; one that is 200 s late; one without
#: a price; what is no envelope.
LOG = [
    sent(1, seq=1), sent(2, seq=2), sent(3, seq=3), sent(1, seq=4), sent(2, "9.5", seq=5),
    sent(4, seq=6, behind=200 * SECOND), sent(5, "?", seq=7), b"rubbish",
]  # fmt: skip


def test_the_gate_counts_what_goes_to_bronze_and_what_does_not() -> None:
    gate = job("contract gate")
    gate.fold(0, {RAW: LOG})
    assert gate.counts == {
        "records_in_total": 8, "accepted_total": 5, "duplicates_total": 2, "dead_letters_total": 1, "conflicts_total": 1
    }  # fmt: skip


def test_normalization_counts_dead_letters_and_which_of_them_are_late() -> None:
    fold = job("normalize")
    (reply,) = fold.fold(0, {RAW: LOG})
    _, depth = envelope("sim", binance_depth("AUSDT", 1, NOW, "1", "1"), NOW)
    fold.fold(0, {"raw.sim.depth.v1": [depth]})
    assert fold.counts == {
        "records_in_total": 9, "accepted_total": 3, "duplicates_total": 2, "dead_letters_total": 2,
        "passed_over_total": 2, "late_total": 1,
    }  # fmt: skip
    assert [topic for topic, *_ in rows(reply)].count("deadletter.normalization.v1") == 2


def trades(*at: int) -> list[tuple[str, int, int, bytes]]:
    """Return the normalized trades at so many seconds, as the records of a block; `entity_seq` is their place."""
    found = [
        envelope("sim", binance_trade("AUSDT", n, NOW + second * SECOND, "1.5", "2"), NOW + max(at) * SECOND, n)[1]
        for n, second in enumerate(at, 1)
    ]
    (reply,) = job("normalize").fold(0, {RAW: found})
    return [(topic, n, time or 0, value) for n, (topic, time, _, value) in enumerate(rows(reply)) if topic == TRADES]


def test_silver_and_windows_drop_what_was_delivered_twice_and_see_what_never_came() -> None:
    log = trades(0, 1, 2, 3)
    silver, bars = job("silver trade"), job("bars")
    for part in (log[:2], log[1:2], log[3:]):
        silver.fold_records(0, part)
        bars.fold_records(0, part)
    expected = {"records_in_total": 4, "accepted_total": 3, "duplicates_total": 1}
    assert silver.counts == expected
    assert {name: bars.counts[name] for name in expected} == expected
    assert (bars.counts["lost_total"], bars.counts["repair_requests_total"]) == (1, 1)


def test_windows_count_results_and_those_that_correct_what_the_watermark_had_passed() -> None:
    first, second, late = trades(0, 5, 0)
    bars = job("bars")
    passed = NOW // 1000 + 4_000  # the second of the first trade is over, its minute is not

    def counted(*records: Any) -> tuple[int, int, int]:
        before = bars.counts.copy()
        bars.fold_records(0, list(records), passed)
        return tuple(bars.counts[name] - before[name] for name in ("late_total", "results_total", "corrections_total"))  # type: ignore[return-value]

    assert counted(first, second) == (0, 1, 0)
    assert counted(late) == (1, 1, 1)
    bars.wait(60_000)
    assert bars.counts["results_total"] > 2  # by the clock: open windows
    assert bars.counts["corrections_total"] == 1


def test_a_history_far_behind_the_watermark_corrects_nothing() -> None:
    """Its windows are told by the clock, for each of its records would be a correction."""
    bars = job("bars")
    first, second = trades(0, 5)
    for record in (first, second):
        bars.fold_records(0, [record], NOW // 1000 + 864_000_000)
    bars.wait(60_000)
    assert bars.counts["results_total"] > 2
    assert (bars.counts["late_total"], bars.counts["corrections_total"]) == (1, 0)


def test_state_is_counted_in_the_bytes_that_a_checkpoint_has() -> None:
    for name in ("contract gate", "normalize"):
        fold = job(name)
        fold.fold(0, {RAW: LOG[:3]})
        assert fold.state_bytes == 0
        fold.checkpoint()
        first = fold.state_bytes
        fold.fold(1, {RAW: LOG[:3]})
        fold.checkpoint()
        assert first > 0
        assert fold.state_bytes == sum(map(len, fold.saved_entries())) > first
