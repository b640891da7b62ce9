"""The window fold of one shard: normalized records in, bars and requests for repair out.

The outcome is a function of the log's content: not of how it was cut into blocks, of watermarks and ticks, or of where
the state was saved and restored. Those decide when a version is published, and which versions are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from schemas.quality import Rule
from schemas.versions import Schedule
from udfs.kernels.slices import Codes, Longs, Slices
from udfs.windows import saving
from udfs.windows.cold import Cold
from udfs.windows.definition import DEFINITIONS, Definition, Limits, Reader
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.bars import INTERVAL_NAMES
from udfs.windows.kernels.due import collect
from udfs.windows.kernels.merging import name_entities
from udfs.windows.kernels.results import Results
from udfs.windows.kernels.state import empty
from udfs.windows.kernels.sweep import live_rows, sweep
from udfs.windows.result_rules import Checks
from udfs.windows.room import room_for_entities, room_for_log, room_for_rows, room_for_texts, take_holes
from udfs.wire.repair_requests import RepairRequest

#: No watermark yet.
NEVER = -(1 << 62)
#: How many windows that wait for a tick are published at a time: about 2 ms.
TICK_BUDGET = 4_096
#: A tick is for windows shorter than an hour; every fifth one is for all.
_SHORT = 3_600_000_000
_ALL_TICKS = 5
#: Rows that are looked at per row made, to forget windows; more where each may have thousands of trades in the log.
_SWEEPS, _SWEEPS_OF_LOGS = 3, 12
#: Trades in the log per row of a slice at most.
_LOGGED_PER_ROW = 8
_ROWS, _TEXTS = 256, 4_096  # how much room is made at least


@dataclass(slots=True)
class Published:
    """What is published now; ``waiting`` is how many windows of the tick are still to come."""

    results: Results
    requests: list[RepairRequest] = field(default_factory=list)
    waiting: int = 0


class WindowFold:
    """One shard's windows of one definition; see `udfs.state.operator.Operator`."""

    def __init__(
        self,
        definition: Definition,
        rules: tuple[Rule, ...] = (),
        limits: Limits | None = None,
        schedule: Schedule | None = None,
        *,
        numbered: bool = True,
    ) -> None:
        """Begin with an empty state.

        Args:
            definition: what is computed.
            rules: data-quality rules of its topic.
            limits: how late records can be; by the domain file if they are not given.
            schedule: which versions of the definition hold for which windows; if it is not given, the current one.
            numbered: whether transport duplicates are dropped; a batch whose records are unique needs no filter.
        """
        self.definition = definition
        limits = limits or definition.limits()
        self._checks = Checks(rules, definition.columns, definition.counted)
        self._texts: Codes = definition.text_words
        self._header = definition.header
        self._versions = definition.versions(schedule or Schedule())
        self._scratch = np.zeros(96, dtype=np.uint8)
        self._state = empty(
            definition.length_words,
            keep=limits.keep,
            far=limits.far,
            silent=limits.silent,
            streams=len(definition.readers),
            dates=limits.dates,
            numbered=numbered,
            venues=limits.revising if definition.revisable else (),
        )
        self._cold = Cold(self._texts)
        self._named = 0  # entities whose names the log has
        self._slicing = 0  # entities that a round of slices writes
        self._ticks = 0

    @property
    def state_version(self) -> int:
        """Of the parts that this fold writes and reads."""
        return saving.VERSION

    def count(self, which: int) -> int:
        """Return a counter of `udfs.windows.kernels.layout`, e.g. ``DUPLICATES``."""
        return int(self._state.facts[which])

    def fold(self, topic: str, values: Slices) -> None:
        """Fold one topic's part of a block into the windows.

        Raises:
            ValueError: a value is no record of the topic's contract.
            KeyError: the topic is none of the definition's.
        """
        self.read(self.definition.readers[topic], values)

    def read(self, reader: Reader, values: Slices) -> None:
        """Fold values by a reader.

        Raises:
            ValueError: a value is no record of the reader's contract.
        """
        done = reader(self._state, values, 0)
        while done < len(values):
            if self._state.facts[at.STOPPED] == at.MALFORMED:
                raise ValueError(f"record {done} of a block is none of its contract: {values[done]!r}")
            if self._state.facts[at.STOPPED] == at.ASLEEP:
                self._state = self._cold.unpack(self._state, int(self._state.record[at.R_CODE]))
            else:
                self._make_room(int(values.size[done]), len(values) - done)
            done = reader(self._state, values, done)

    def process(self, topic: str, values: Slices, watermark: int = NEVER) -> Published:
        """Fold one topic's part of a block, and publish the windows that ``watermark`` (µs) makes due."""
        self.fold(topic, values)
        return self.emit(watermark)

    def _make_room(self, size: int, records: int) -> None:
        s = self._state
        levels = len(s.lengths)
        s = room_for_rows(s, levels * max(1, min(records, _ROWS)))
        s = room_for_entities(s, 1, size)
        s = room_for_texts(s, max(_TEXTS, 2 * (levels + 1) * max(size, int(s.facts[at.LONGEST]))), self._texts)
        s = room_for_log(s, int(s.facts[at.LOG_FREE] < 0), int(s.facts[at.REVISIONS_FREE] < 0))
        if (s.facts[at.HOLES] + 2) * at.HOLE_WIDTH > len(s.holes):
            s = s._replace(holes=np.concatenate([s.holes, np.zeros_like(s.holes)]))
        self._state = s

    def emit(self, watermark: int, *, tick: bool = False, budget: int = TICK_BUDGET) -> Published:
        """Publish the windows that are due, and ask for repair of those that the stream cannot compute.

        Args:
            watermark: in µs; windows that end at or before it are published as soon as they change.
            tick: publish open windows that changed, too; every fifth tick those of an hour and more.
            budget: how many of a tick's windows at most now; the rest comes with the next calls.

        Raises:
            QualityStop: a result breaks a rule; nothing of it may be written, and the fold is of no use any more.
            ValueError: a result does not fit its contract.
        """
        s = self._state
        waiting = collect(s, watermark, self._ticked() if tick else 0, budget)
        published = Published(self._finish(), self._requests(), waiting)
        sweep(s, (_SWEEPS_OF_LOGS if s.facts[at.LOG_MADE] else _SWEEPS) * int(s.facts[at.MADE]) + 64)
        if s.facts[at.NUMBERED]:
            self._cold.pack(s)
        return published

    @property
    def cold(self) -> int:
        """How many entities fell silent and have their windows packed."""
        return len(self._cold)

    @property
    def waiting(self) -> int:
        """How many windows have changed since they were published."""
        s = self._state.facts
        return int(s[at.FRESH] + s[at.TICKING] + s[at.WAITING : at.WAITING + at.LEVELS].sum())

    def tick(self, watermark: int, *, everything: bool) -> Published:
        """Publish open windows that changed, or go on with the tick that has begun.

        Args:
            watermark: the watermark, µs.
            everything: also windows of an hour and more, which wait for every fifth tick else.
        """
        if everything:
            self._ticks = _ALL_TICKS - 1
        return self.emit(watermark, tick=self.count(at.TICKING) == 0)

    def close(self, budget: int = 1 << 62) -> Published:
        """Publish what is not published yet, at the end of a bounded input; at most ``budget`` windows of it."""
        self._ticks = _ALL_TICKS - 1
        return self.emit(NEVER, tick=True, budget=budget)

    def _ticked(self) -> int:
        self._ticks += 1
        if self._ticks % _ALL_TICKS == 0:
            return len(self.definition.lengths)
        return sum(length < _SHORT for length in self.definition.lengths)

    def _list(self, which: int) -> Codes:
        begin = which * int(self._state.facts[at.CAPACITY])
        return self._state.lists[begin : begin + int(self._state.facts[which])]

    def _finish(self) -> Results:
        """Encode the windows on the list of those due."""
        rows = self._list(at.DUE).copy()
        count, s = len(rows), self._state
        facts = np.empty((count, self.definition.facts), dtype=np.int64)
        sizes, key_sizes = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
        times = np.empty(count, dtype=np.int64)
        if not count:
            none = np.zeros(0, dtype=np.uint8)
            return Results(times, none, key_sizes, none, sizes, facts, rows)
        out = np.empty(count * self.definition.fixed + self._text_bytes(rows), dtype=np.uint8)
        finish = self.definition.finish
        end = finish(
            s, rows, self._header, INTERVAL_NAMES, *self._versions, self._scratch, facts.reshape(-1), out, sizes,
            key_sizes, times,
        )  # fmt: skip
        if end < 0:
            key = int(s.rows[int(rows[-1 - end]) * at.WIDTH + at.KEY])
            raise ValueError(f"a window of {self._name(key >> at.LEVEL_BITS)} does not fit its contract")
        keys = out[end : end + int(key_sizes.sum())]
        results = Results(times, keys, key_sizes, out[:end], sizes, facts, rows)
        self._checks.hold(results, lambda i: self.definition.record(results.wire()[i]))
        return results

    def _text_bytes(self, rows: Codes) -> int:
        """Return an upper bound of the names (twice: in key and value) and long texts of some windows."""
        s = self._state
        table = s.rows.reshape(-1, at.WIDTH)
        names = s.entities.reshape(-1, at.E_WIDTH)[table[rows, at.KEY] >> at.LEVEL_BITS, at.E_SIZE]
        bound = 2 * int(names.sum())
        if s.facts[at.TEXT_BYTES]:
            for word in self._texts.tolist():
                second = table[rows, word + 1]
                bound += int((second[saving.is_long_text(second)] & at.SIZE_MASK).sum())
        return bound

    def _requests(self) -> list[RepairRequest]:
        """Return repair requests: for changed windows that are left to repair, and where numbers were missing."""
        s = self._state
        kind, lengths = self.definition.kind, self.definition.lengths
        found = []
        if s.facts[at.ASKED]:
            for row in self._list(at.ASKED).tolist():
                key, start = s.rows[row * at.WIDTH + at.KEY], int(s.rows[row * at.WIDTH + at.START])
                name = self._name(int(key) >> at.LEVEL_BITS)
                found.append(RepairRequest(name, kind, start, "revised", lengths[int(key) & at.LEVEL_MASK]))
        if s.facts[at.HOLES]:
            for code, _, time, reason in take_holes(s).tolist():
                name = self._name(code)
                if reason == at.MISSING:
                    found.append(RepairRequest(name, kind, time, "sequence_gap", lengths[0]))
                else:
                    found += [RepairRequest(name, kind, time, "revised", length) for length in lengths]
        return found

    def _name(self, code: int) -> str:
        e = code * at.E_WIDTH
        begin, size = int(self._state.entities[e + at.E_NAME]), int(self._state.entities[e + at.E_SIZE])
        return self._state.names[begin : begin + size].tobytes().decode()

    # --- parts of a batch --------------------------------------------------------------------------------------------

    def windows(self, rows: int) -> Iterator[tuple[Longs, Slices, list[Slices]]]:
        """Yield all windows, ``rows`` at a time: their words, their entities' names, and their long texts.

        There are always two columns of texts; a definition that has none leaves them empty.
        """
        s = self._state
        for begin in range(0, self.count(at.ROWS), rows):
            words = s.rows.reshape(-1, at.WIDTH)[begin : min(begin + rows, self.count(at.ROWS)), : at.SAVED].copy()
            people = s.entities.reshape(-1, at.E_WIDTH)[words[:, at.KEY] >> at.LEVEL_BITS]
            names = Slices(s.names, people[:, at.E_NAME].copy(), people[:, at.E_SIZE].copy())
            found = [self._long_texts(words, word) for word in self._texts.tolist()]
            none = np.zeros(len(words), dtype=np.int64)
            yield words, names, (found + [Slices(s.texts, none, none)] * 2)[:2]

    def _long_texts(self, words: Longs, word: int) -> Slices:
        second = words[:, word + 1]
        size = np.where(saving.is_long_text(second), second & at.SIZE_MASK, 0)
        return Slices(self._state.texts, np.where(size > 0, words[:, word], 0), size)

    def merge(self, names: Slices, words: Longs, ids: list[Slices]) -> None:
        """Merge windows of another fold, as ``windows`` gives them; ``words`` are changed."""
        s = room_for_rows(self._state, len(words))
        s = room_for_entities(s, len(words), int(names.size.sum()))
        content, used = [], 0
        for word, found in zip(self._texts.tolist(), ids, strict=False):
            begin = used + np.cumsum(found.size) - found.size
            words[:, word] = np.where(found.size > 0, begin, words[:, word])
            content.append(b"".join(found.tolist()))
            used += len(content[-1])
        self._state = s = room_for_texts(s, used, self._texts)
        codes = np.empty(len(words), dtype=np.int64)
        name_entities(s, *names.parts, codes)
        self.definition.merge(s, codes, words.reshape(-1), np.frombuffer(b"".join(content), dtype=np.uint8))

    # --- state --------------------------------------------------------------------------------------------------------

    def delta(self) -> bytes:
        """Return what changed since the last ``delta`` or ``snapshot``. At a flush marker, after what was emitted."""
        s = self._state
        moved: Longs = s.moved[: int(s.facts[at.CHANGED_ENTITIES])].astype(np.int64)
        known = self.count(at.ENTITIES)
        cold = self._cold.take_new()
        if cold:  # their clocks come with them: a round that has begun may not have come to them
            moved = np.union1d(moved, np.array([code for code, *_ in cold], dtype=np.int64))
        part = saving.encode(s, self._list(at.CHANGED_ROWS), moved, self._named, known, self._texts, cold, whole=False)
        self._named = known
        saving.mark_saved(s)
        return part

    def slice(self, begin: int, budget: int) -> tuple[bytes, int]:
        """Return part of all there is, and where to go on; -1: that was the last of the round.

        A round begins at 0. With the deltas from then on its slices are the whole state. Entities come first, then the
        windows that are not over, with their trades in the log: fewer at once where these are many.
        """
        if begin == 0:
            self._slicing = self.count(at.ENTITIES)
        end = begin + budget
        first = max(0, begin - self._slicing)
        logged = self._state.chains.reshape(-1, at.C_WIDTH)[first : max(first, end - self._slicing), at.C_COUNT]
        over = np.flatnonzero(np.cumsum(logged) > _LOGGED_PER_ROW * budget)
        if len(over):
            end = self._slicing + first + max(1, int(over[0]))
        return self._slice(begin, end)

    def _slice(self, begin: int, end: int) -> tuple[bytes, int]:
        s = self._state
        codes = np.arange(begin, min(end, self._slicing), dtype=np.int64)
        rows_end = min(max(0, end - self._slicing), self.count(at.ROWS))
        live = self._live(max(0, begin - self._slicing), rows_end)
        cold = self._cold.among(codes.tolist())
        part = saving.encode(s, live, codes, begin, begin + len(codes), self._texts, cold, whole=True)
        return part, -1 if end - self._slicing >= self.count(at.ROWS) else end

    def snapshot(self) -> bytes:
        """Return the whole state in one part."""
        self._slicing = self.count(at.ENTITIES)
        part, _ = self._slice(0, self._slicing + self.count(at.ROWS) + 1)
        self._named = self.count(at.ENTITIES)
        self._cold.take_new()
        saving.mark_saved(self._state)
        return part

    def _live(self, begin: int, end: int) -> Codes:
        live = np.empty(max(0, end - begin), dtype=np.int32)
        return live[: live_rows(self._state, begin, end, live)]

    @classmethod
    def restore(
        cls,
        definition: Definition,
        log: Iterable[bytes],
        rules: tuple[Rule, ...] = (),
        limits: Limits | None = None,
        schedule: Schedule | None = None,
    ) -> Self:
        """Rebuild a fold from the parts of its log, in order.

        Raises:
            ValueError: a part was written by a version that this one does not know, or is missing.
        """
        self = cls(definition, rules, limits, schedule)
        self._state = saving.restore(self._state, log, self._texts, self._cold)
        self._named = self.count(at.ENTITIES)
        return self


def restore(
    name: str, log: Iterable[bytes], rules: tuple[Rule, ...] = (), schedule: Schedule | None = None
) -> WindowFold:
    """Rebuild the fold of a definition, by the definition's name; see `WindowFold.restore`."""
    return WindowFold.restore(DEFINITIONS[name], log, rules, schedule=schedule)
