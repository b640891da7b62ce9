"""Cancels and corrections in the window fold against plain Python over sets of events, in any history.

The trades of one venue are logged, those of another are not. Revisions come before and behind their trades, twice, for
trades that never come, and when the trade is older than the log; trades come late, and amended when they are older
than that. The log is cut anywhere, sent again, told, saved and restored as in ``test_window_fold.py``. Every version
that is told is, byte for byte, the bar of the first so many events of its window; all windows are told to the last
event but those that hold a revision of a trade that the log did not have, and these, and no others, are asked for.

Broken on purpose (``window_mutations.py``), and noticed here: a longer window that is not computed anew; a cancel that
undoes itself; corrections in another order; a log that is dropped 1 µs early; a revision that does not wait for its
trade; a log that is not saved, not packed with its entity, or not there again behind a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st
from property.revised_oracle import Revised
from property.test_window_fold import AMOUNTS, SILENCES, STEPS, Run, live, logs
from property.window_oracle import DAY, HORIZON, SECOND, SKEW, Key, Revision, Trade

from schemas.catalog import INTERVALS
from udfs.kernels.slices import Slices
from udfs.windows.definition import BARS, Limits
from udfs.windows.fold import Published, WindowFold

NAMES = {length: name for name, length in INTERVALS.items()}
Log = list[Trade | Revision]


@st.composite
def revised_logs(draw: st.DrawFn, *, amended: bool = True) -> Log:
    """Draw trades, and revisions of them at any place of the log."""
    trades = draw(logs("trade", amended=amended))
    inserted: list[tuple[int, Revision]] = []
    for _ in range(draw(st.integers(1, 12)) if trades else 0):
        which = draw(st.integers(0, len(trades) - 1))
        trade = trades[which]
        place = max(0, min(len(trades), which + draw(st.sampled_from([1, 1, 1, 0, -2, 2, 5, 20, -20]))))
        decided = trade.time + draw(st.sampled_from([0, 1, SECOND]))
        time = trade.time + draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1]))
        price, size = (draw(AMOUNTS), draw(AMOUNTS)) if draw(st.booleans()) else (0, 0)
        size = size if price * size < 10**40 else 10**12
        number = draw(st.integers(1, 3))
        revision = Revision(trade.entity, time, trade.ingest, 0, trade.trade_id, number, decided, price, size)
        inserted.append((place, revision))
    return _numbered(trades, sorted(inserted, key=lambda each: each[0]))


def _numbered(trades: list[Trade], inserted: list[tuple[int, Revision]]) -> Log:
    """Put revisions into a log, received when the log is there and numbered as normalization does.

    One that comes before all trades is received a day before its own. The next one is not received before that, for
    normalization numbers the newest ingest dates of an entity and never an older one.
    """
    log: Log = []
    max_ingest: dict[str, int] = {}
    revised: dict[str, int] = {}
    seqs: dict[tuple[str, str, int], int] = {}
    for place in range(len(trades) + 1):
        for revision in [revision for where, revision in inserted if where == place]:
            ingest = max_ingest.get(revision.entity, revision.ingest - DAY)
            ingest = revised[revision.entity] = max(ingest, revised.get(revision.entity, ingest))
            scope = revision.kind, revision.entity, ingest // DAY
            seqs[scope] = seqs.get(scope, 0) + 1
            log.append(revision._replace(ingest=ingest, seq=seqs[scope]))
        if place < len(trades):
            trade = trades[place]
            max_ingest[trade.entity] = max(max_ingest.get(trade.entity, trade.ingest), trade.ingest)
            log.append(trade)
    return log


@dataclass
class RevisedRun(Run):
    """As ``Run``, with requests."""

    asked: set[Key] = field(default_factory=set)

    @classmethod
    def new(cls, silent: int) -> RevisedRun:
        limits = Limits(HORIZON, SKEW, 2, silent, revising=("v",))
        return cls(BARS, Revised(("v",)), limits, WindowFold(BARS, (), limits))  # type: ignore[arg-type]

    def feed(self, records: Log) -> None:
        for kind, part in groupby(records, key=lambda each: each.kind if isinstance(each, Revision) else "trade"):
            self.fold.fold(f"normalized.{kind}.v1", Slices.of([record.wire() for record in part]))

    def see(self, told: Published) -> None:
        super().see(told)
        for value in told.results.wire().tolist():
            bar = self.definition.record(value)
            assert bar.version < self.plain.left.get((bar.entity_id, bar.interval, bar.window_start), 1 << 62)
        for each in told.requests:
            assert each.reason == "revised"
            self.asked.add((each.entity_id, NAMES[each.length], each.event_time // each.length * each.length))

    def finish(self) -> None:
        self.see(self.fold.close())
        exact = {key: len(events) for key, events in self.plain.windows.items() if key not in self.plain.left}
        assert {key: version for key, version in self.view.items() if key in exact} == exact
        assert self.asked == self.plain.asked
        again = self.fold.close()
        assert (len(again.results), again.requests) == (0, [])


@given(revised_logs(), STEPS, SILENCES)
@settings(max_examples=150)
def test_bars_of_revised_trades_in_any_history(log: Log, steps: list[tuple[str, int, str]], silent: int) -> None:
    run = RevisedRun.new(silent)
    live(run, log, steps)
