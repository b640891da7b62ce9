"""Scan, and judge the rest: which records of a batch are accepted, by the compiled scanners and by the gate.

A scanner accepts or abstains. What it abstains from goes through the gate frame by frame; the two agree on every frame
that both read.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from schemas.catalog import FACTS, REVISIONS
from udfs.dedup.dedup import BEHIND, DUPLICATE, Judged
from udfs.gate import judge as gate
from udfs.gate.resubmitted import Resubmitted, Verdicts
from udfs.gate.topic_rules import Rules
from udfs.kernels import scanning
from udfs.kernels.depth import NAME, scan_depths
from udfs.kernels.slices import Bits, Longs, Octets
from udfs.quality.row_rules import Rare
from udfs.rows.accepted import Accepted, Table
from udfs.values.rejects import Reject
from udfs.values.times import EARLIEST, LATEST
from udfs.venues.frames import MAX_NUMBER, MAX_PAYLOAD, Frame, QuoteRow, TradeRow
from udfs.wire.envelope import Envelopes, encode_one

#: Kinds whose rows are rare, so that each is a low-rate record.
RARE = (*REVISIONS, *FACTS)
#: How a record is marked that a scanner has read for its numbers only.
SEEN = 3


class Numbers:
    """Per record the first and the last of the venue's numbers that it carries; first is -1 where it has none."""

    def __init__(self, records: int) -> None:
        self.first: Longs = np.full(records, -1, dtype=np.int64)
        self.last: Longs = np.full(records, -1, dtype=np.int64)

    def put(self, record: int, found: tuple[int, int] | None) -> None:
        """Note what the gate read in one record."""
        if found is not None:
            self.first[record], self.last[record] = found


@dataclass(slots=True)
class Judgement:
    """What became of a batch's records before the data-quality rules.

    ``rows`` are the accepted trades or quotes, ``rare`` the accepted rows of rare kinds with their records.
    ``rejected`` says why records were not accepted, ``not_normalized`` how many have nothing to normalize.
    """

    rows: Accepted
    rare: list[tuple[int, Rare]]
    rejected: dict[int, Reject]
    not_normalized: int
    numbers: Numbers


@dataclass(slots=True)
class _Work:
    """A batch on its way; ``todo`` says of each record what a scanner is to do, and then what it did."""

    table: Table
    numbers: Numbers
    todo: Bits
    rare: list[tuple[int, Rare]] = field(default_factory=list)
    rejected: dict[int, Reject] = field(default_factory=dict)
    not_normalized: int = 0


class Acceptance:
    """How records of one raw topic are accepted. It has no state: the record and its contract decide (law 3)."""

    def __init__(self, rules: Rules, verdicts: Verdicts) -> None:
        self._rules = rules
        self._verdicts = verdicts
        self._prefix: Octets = np.frombuffer(f"{rules.venue}:".encode(), dtype=np.uint8)
        self._shape = scanning.SHAPES.get(rules.channel, 0) if rules.dialect_name == "binance" else 0

    def judge(self, env: Envelopes, judged: Judged) -> Judgement:
        """Judge a batch's records that are no duplicates."""
        work = self._scan(env, judged)
        work.not_normalized = int(np.count_nonzero(work.todo == SEEN))
        behind = judged.verdict == BEHIND
        read = (work.todo == SEEN) | ((work.todo == scanning.SCANNED) & ~behind)
        for i in np.flatnonzero((judged.verdict != DUPLICATE) & ~read).tolist():
            self._judge_one(env, i, work, behind=bool(behind[i]))
        rows = work.table.rows(work.todo == scanning.SCANNED)
        return Judgement(rows, work.rare, work.rejected, work.not_normalized, work.numbers)

    def _scan(self, env: Envelopes, judged: Judged) -> _Work:
        """Let the compiled scanners read what they can."""
        todo: Bits = ((judged.verdict != DUPLICATE) & (judged.in_topic == 1)).astype(np.int8)
        todo[judged.claims] = 0  # what a resubmitted record may is the gate's to say
        todo[self._verdicts.candidates(env)] = 0  # and whether a verdict stands
        table, numbers = Table(len(env)), Numbers(len(env))
        if self._shape:
            scanning.scan_frames(
                self._shape, scanning.WORDS, self._prefix, MAX_PAYLOAD, self._rules.max_skew, self._rules.horizon,
                EARLIEST, LATEST, todo, *env.payloads.parts, *env.entity_ids.parts, judged.id_kind, judged.id_low,
                env.event_time, env.from_ingest, env.ingest_time,
                table.time, table.numbers.ravel(), table.flag,
            )  # fmt: skip
            if self._rules.sequenced:
                numbers.first = np.where(todo == scanning.SCANNED, judged.id_low, -1)
                numbers.last = judged.id_low.copy()
        elif self._rules.dialect_name == "binance" and self._rules.channel == "depth":
            scan_depths(
                MAX_NUMBER, NAME, scanning.WORDS, self._prefix, MAX_PAYLOAD, EARLIEST, LATEST,
                todo, *env.payloads.parts, *env.entity_ids.parts, judged.id_kind, judged.id_low, judged.id_high,
                env.event_time, env.from_ingest, numbers.first, numbers.last,
            )  # fmt: skip
            todo[todo == scanning.SCANNED] = SEEN
        return _Work(table, numbers, todo)

    def _judge_one(self, env: Envelopes, i: int, work: _Work, *, behind: bool) -> None:
        """Let the gate judge one record."""
        try:
            rows = self._gate(env, i, work.numbers, behind=behind)
        except Reject as reject:
            work.todo[i] = 0
            work.rejected[i] = reject.kept()
            return
        if rows is None:
            work.not_normalized += 1
        elif self._rules.kind in RARE:
            work.rare += [(i, row) for row in cast("list[Rare]", rows)]
        else:
            work.table.add(i, cast("list[TradeRow] | list[QuoteRow]", rows))

    def _gate(self, env: Envelopes, i: int, numbers: Numbers, *, behind: bool) -> gate.Standard | None:
        try:
            if self._verdicts:
                self._verdicts.recall(encode_one(*env.row(i)), behind=behind)
        except Reject as verdict:
            if verdict.reason not in gate.UNIDENTIFIED:
                with suppress(Reject):  # its numbers were read all the same
                    self._identify(env, i, numbers)
            raise
        frame, copy = self._identify(env, i, numbers)
        rows = gate.accept(self._rules, frame, int(env.ingest_time[i]), copy)
        if rows is not None and behind:
            raise Reject("behind_dedup_window", "older than the ids that are remembered; kept in Bronze")
        return rows

    def _identify(self, env: Envelopes, i: int, numbers: Numbers) -> tuple[Frame, Resubmitted | None]:
        frame, copy = gate.identify(self._rules, env, i)
        if self._rules.sequenced:
            numbers.put(i, self._rules.dialect.numbers(frame))
        return frame, copy
