"""The window fold against plain Python over lists, in any history.

Histories are drawn record by record: entities, times that run back, late, early and amended events, numbers that
begin anew with the date. The log is cut anywhere, runs of it are sent again, the watermark is behind, at or far
ahead of the records, ticks come at any time with any budget, and the fold is saved as deltas and slices, and restored
from them; entities that say nothing are packed soon. Whatever happens, every version that is told is, byte for byte,
the bar of the first so many records of its window, and at the end all windows are published.

Broken on purpose (``window_mutations.py``), and noticed here, ``test_window_parts.py`` or ``unit/udfs/windows``: a copy
that counts again; numbers that do not begin anew with the date; an order that ties do not follow; a sum that does not
carry; a vwap that is rounded half up; a first result after the watermark; a revised window that is published; a window
kept by another clock, or one `max_skew` too short; a window forgotten that was not published; a window that is not
found again after another was removed; a delta without what changed; a round of slices of which the beginning is
dropped; a silent entity put away too soon, not woken, not woken by its log, or left out of a round.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property.window_oracle import DAY, HORIZON, KEEP, SECOND, SKEW, Key, Plain, Quote, Trade, quote_bar

from schemas.catalog import INTERVALS
from udfs.kernels.slices import Slices
from udfs.state.operator import Journal
from udfs.windows.definition import BARS, QUOTE_BARS, Definition, Limits
from udfs.windows.fold import NEVER, Published, WindowFold
from udfs.windows.kernels import layout as at

START = 1_723_161_600 * SECOND  # midnight, UTC
ENTITIES = ("v:A", "v:A@agg", "venue:" + "LONG" * 9, "v:B")
IDS = ("", "7", "123456789012345", "1234567890123456", "c" * 36, "币" * 20)
#: How far behind its ingest time an event is.
AGES = (0, 1, 20_000, SECOND, 31 * SECOND, HORIZON - 1, HORIZON, -1, -SKEW)
#: What passes between records.
PAUSES = (0, 0, 0, 1, 1_000, 400_000, SECOND, 7 * SECOND, 59 * SECOND, 131 * SECOND, 3_600 * SECOND, DAY)
AMOUNTS = st.integers(1, 10**14) | st.sampled_from([1, 10**12, 10**27, 2**64, 2**64 - 1, 2**63])


@dataclass
class Venue:
    """Numbers an entity's records as normalization does, and lets pass what it lets pass."""

    max_ingest: dict[str, int] = field(default_factory=dict)
    seqs: dict[tuple[str, int], int] = field(default_factory=dict)

    def place(self, entity: str, event: int, ingest: int, *, amended: bool = False) -> int:
        """Return the record's number; 0: it is rejected."""
        max_ingest = self.max_ingest.get(entity, -1)
        usable = -SKEW <= ingest - event <= HORIZON and event >= max_ingest - HORIZON - SKEW
        if not usable and not amended:
            return 0
        self.max_ingest[entity] = max(max_ingest, ingest)
        scope = entity, ingest // DAY
        self.seqs[scope] = self.seqs.get(scope, 0) + 1
        return self.seqs[scope]


@st.composite
def logs(draw: st.DrawFn, kind: str, *, amended: bool = False) -> list[Any]:
    """Draw a log of one kind in log order."""
    venue, log = Venue(), []
    clocks = {entity: START + draw(st.sampled_from([-90, -1, 0, 86_399, 10**6])) * SECOND for entity in ENTITIES}
    for _ in range(draw(st.integers(1, 40))):
        entity = draw(st.sampled_from(ENTITIES))
        clocks[entity] += draw(st.sampled_from(PAUSES))
        ingest = clocks[entity] - draw(st.sampled_from([0, 0, 0, 3 * SECOND, SKEW]))
        event = ingest - draw(st.sampled_from(AGES))
        if draw(st.booleans()):
            event -= event % SECOND
        late = amended and draw(st.integers(0, 5)) == 0
        if late:
            ingest = max(venue.max_ingest.get(entity, ingest), ingest)
            event = ingest - draw(st.sampled_from([HORIZON + 1, KEEP, KEEP + SECOND, 3_600 * SECOND, 2 * DAY]))
        seq = venue.place(entity, event, ingest, amended=late)
        if not seq:
            continue
        if kind == "quote":
            size = st.just(0) | AMOUNTS
            log.append(Quote(entity, event, ingest, seq, (draw(AMOUNTS), draw(size), draw(AMOUNTS), draw(size))))
            continue
        price, amount = draw(AMOUNTS), draw(AMOUNTS)
        amount = amount if price * amount < 10**40 else 10**12
        side = draw(st.sampled_from(["buy", "sell", "unknown"]))
        log.append(Trade(entity, event, ingest, seq, draw(st.sampled_from(IDS)), price, amount, side))
    return log


@dataclass
class Run:
    """A fold that is fed, told, saved and restored, beside the plain one."""

    definition: Definition
    plain: Plain
    limits: Limits
    fold: WindowFold
    view: dict[Key, int] = field(default_factory=dict)
    entries: dict[int, bytes] = field(default_factory=dict)
    journal: Journal = field(default_factory=lambda: Journal(least=1, budget=3))

    @classmethod
    def of(cls, kind: str, silent: int = 7_200 * SECOND) -> Run:
        definition = BARS if kind == "trade" else QUOTE_BARS
        plain = Plain() if kind == "trade" else Plain(quote_bar, ("1s",))
        limits = Limits(HORIZON, SKEW, 2, silent)
        return cls(definition, plain, limits, WindowFold(definition, (), limits))

    @property
    def topic(self) -> str:
        return next(iter(self.definition.readers))

    def feed(self, records: list[Any]) -> None:
        self.fold.fold(self.topic, Slices.of([record.wire() for record in records]))

    def tell(self, mark: int, *, tick: bool = False, budget: int = 1_000) -> None:
        self.see(self.fold.emit(mark, tick=tick, budget=budget))

    def see(self, told: Published) -> None:
        results = told.results
        keys = results.entity_ids().texts()
        for value, name, time in zip(results.wire().tolist(), keys, results.times.tolist(), strict=True):
            bar = self.definition.record(value)
            key = bar.entity_id, getattr(bar, "interval", "1s"), bar.window_start
            assert (name, time) == (bar.entity_id, bar.window_start // 1000)
            assert bar.version <= len(self.plain.windows[key])
            assert value == self.plain.version(key, bar.version)
            self.view[key] = max(self.view.get(key, 0), bar.version)

    def save(self) -> None:
        flushed = self.journal.flush(self.fold)
        self.entries |= dict(flushed.entries)
        self.entries = {number: part for number, part in self.entries.items() if number not in flushed.dropped}

    def restore(self) -> None:
        entries = sorted(self.entries.items())
        self.fold = WindowFold.restore(self.definition, [part for _, part in entries], (), self.limits)
        self.journal = Journal(entries, least=1, budget=3)

    def finish(self) -> None:
        self.see(self.fold.close())
        assert self.view == {key: len(records) for key, records in self.plain.windows.items()}
        assert len(self.fold.close().results) == 0


#: After what silence of an entity its windows are packed.
SILENCES = st.sampled_from([0, SECOND, 3_600 * SECOND])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["feed", "feed", "feed", "resend", "tick", "rest", "save", "save", "crash"]),
        st.sampled_from([1, 1, 2, 3, 8, 30]),
        st.sampled_from(["behind", "at", "at", "far"]),
    ),
    max_size=30,
)


def live(run: Run, log: list[Any], steps: list[tuple[str, int, str]]) -> None:
    """Take a log through a life of a fold."""
    done = saved = told = 0
    mark = NEVER

    def advance(end: int, count: int, where: str) -> None:
        nonlocal done, told, mark
        part = log[done:end]
        for record in log[max(told, done) : end]:
            run.plain.add(record)
        told, done = max(told, end), end
        run.feed(part)
        newest = max((record.time for record in log[:end]), default=START)
        mark = max(mark, {"behind": NEVER, "at": newest - SECOND, "far": newest + 30 * DAY}[where])
        run.tell(mark, budget=count)

    for step, count, where in steps:
        if step == "feed":
            advance(min(len(log), done + count), count, where)
        elif step == "resend":
            run.feed(log[max(0, done - count) : done])  # a run that the producer had sent before
            run.tell(mark)
        elif step == "tick":
            run.tell(mark, tick=True, budget=count)
        elif step in ("save", "rest"):
            if step == "rest":  # all is told, so that what is silent is packed
                run.see(run.fold.close())
            run.save()
            saved = done
            run.tell(mark)
        else:
            run.restore()
            done = saved
    while done < len(log):
        advance(min(len(log), done + 7), 7, "at")
    run.finish()


@given(logs("trade", amended=True), STEPS, SILENCES)
def test_bars_of_any_history(log: list[Trade], steps: list[tuple[str, int, str]], silent: int) -> None:
    live(Run.of("trade", silent), log, steps)


@given(logs("quote", amended=True), STEPS, SILENCES)
@settings(max_examples=50)
def test_quote_bars_of_any_history(log: list[Quote], steps: list[tuple[str, int, str]], silent: int) -> None:
    live(Run.of("quote", silent), log, steps)


@given(logs("trade"), STEPS)
def test_what_the_gate_accepts_meets_no_dropped_state(log: list[Trade], steps: list[tuple[str, int, str]]) -> None:
    run = Run.of("trade")
    live(run, log, steps)
    assert run.fold.count(at.OPENED_NONE) == run.plain.opened_none == 0
    counted = {interval: sum(n for key, n in run.view.items() if key[1] == interval) for interval in INTERVALS}
    assert counted == dict.fromkeys(INTERVALS, len(log))


def test_an_amended_event_makes_no_bar_of_one_event() -> None:
    run = Run.of("trade")
    newest = START + 2 * DAY
    old = newest - DAY - KEEP - SECOND
    log = [Trade("v:A", t, i, n, "1", 5, 5, "buy") for n, (t, i) in enumerate([(newest, newest), (old, newest)], 1)]
    run.plain.add(log[0])
    run.feed(log)
    run.finish()
    assert run.fold.count(at.OPENED_NONE) == 1
    assert {key[2] for key in run.view} == {newest}


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="state of version 9"):
        WindowFold.restore(BARS, [b"\x96\x09\x00\x90\x90\x90\x90"])


def test_a_log_that_lacks_a_part_is_refused() -> None:
    run = Run.of("trade")
    run.feed([Trade("v:A", START, START, 1, "1", 5, 5, "buy")])
    first = run.fold.delta()
    run.feed([Trade("v:B", START, START, 1, "1", 5, 5, "buy")])
    second = run.fold.delta()
    assert WindowFold.restore(BARS, [first, second]).count(at.ENTITIES) == 2
    with pytest.raises(ValueError, match="a part of its log is missing"):
        WindowFold.restore(BARS, [second])


def test_a_value_that_is_no_trade_is_refused() -> None:
    run = Run.of("trade")
    value = Trade("v:A", START, START, 1, "1", 5, 5, "buy").wire()
    for broken in (b"", value[:30], b"\0\0\0\0\1" + value[5:]):
        with pytest.raises(ValueError, match="none of its contract"):
            run.fold.fold(run.topic, Slices.of([value, broken]))
