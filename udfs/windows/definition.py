"""Definitions of results: the records they come from, their windows, their kernels, their contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas import catalog
from schemas.catalog import CORRECT, INTERVALS, REVISIONS
from schemas.contracts import contract
from schemas.domains import domains
from schemas.versions import Schedule
from udfs.gate.topic_rules import rules
from udfs.kernels.slices import Codes, Longs, Octets, Slices
from udfs.values.times import SECOND
from udfs.windows.bar_objects import read_bar, read_quote_bar
from udfs.windows.kernels import bars, quote_bars, trades
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.merging import merge_quotes, merge_trades
from udfs.windows.kernels.quotes import fold_quotes
from udfs.windows.kernels.results import Column
from udfs.windows.kernels.revising import fold_revisions
from udfs.windows.kernels.state import State
from udfs.windows.kernels.trades import fold_trades

#: Folds the records of a block from one on; returns the first that was not.
Reader = Callable[[State, Slices, int], int]


@dataclass(frozen=True)
class Limits:
    """How late records of a kind can be: µs, but ``dates`` ingest dates; over all raw topics that it comes from."""

    horizon: int
    max_skew: int
    dates: int
    #: How far the shard's newest ingest time moves on before an entity that says nothing is put away.
    silent: int = 7_200 * SECOND
    #: Venues that cancel and correct trades: those of the newest seconds are logged.
    revising: tuple[str, ...] = ()

    @property
    def keep(self) -> int:
        """How long a window is kept after its end, by its entity's newest ingest time (law 6)."""
        return self.horizon + 2 * self.max_skew

    @property
    def far(self) -> int:
        """How far a watermark may be ahead of an entity's newest event and still publish its windows."""
        return self.horizon + self.max_skew


@dataclass(frozen=True)
class Definition:
    """A kind of result; ``readers`` fold the topics it is made of, each of which has numbers of its own."""

    contract: str
    kind: str
    lengths: tuple[int, ...]
    readers: Mapping[str, Reader]
    finish: Any
    facts: int
    fixed: int
    columns: Mapping[str, Column]
    counted: str
    record: Callable[[bytes], Any]
    merge: Any
    #: Where a window has texts, and a finished record the places of its own.
    texts: tuple[int, ...] = ()
    text_columns: Mapping[str, int] = field(default_factory=dict)
    #: The five bytes that results begin with, if the contract is none of the project's own.
    wire: bytes = b""
    #: The word of a finished record that says which of the lengths it is of, if its contract has an interval.
    level: int = -1
    #: Whether revisions of trades in the log are applied to it.
    revisable: bool = False
    #: The contract's version that each version of the behaviour writes, if it has versions; its first one is 1.
    contracts: tuple[int, ...] = ()
    #: Times of finished records that may be missing: the word; `NOTHING` is none.
    missing_times: Mapping[str, int] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """The topic that results go to; a contract that is none of the project's own has no topic yet."""
        return f"analytics.{self.contract}.v1"

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that records are read from."""
        return tuple(self.readers)

    @property
    def header(self) -> Octets:
        """The five bytes that results begin with, of each version of the behaviour one after the other."""
        if self.contracts:
            found = b"".join(contract(self.contract, each).header for each in self.contracts)
            return np.frombuffer(found, dtype=np.uint8)
        return np.frombuffer(self.wire, dtype=np.uint8) if self.wire else header(self.contract)

    def versions(self, schedule: Schedule) -> tuple[Longs, ...]:
        """Return what the kernel must know of versions: from which start of a window on, and which it is then.

        Nothing, if the definition has none.

        Raises:
            VersionError: a version holds that this code does not have.
        """
        if not self.contracts:
            return ()
        found = schedule.pieces(self.contract)
        starts = np.array([each.start for each in found], dtype=np.int64)
        return starts, np.array([each.version | each.edition << bars.EDITION for each in found], dtype=np.int64)

    @property
    def text_words(self) -> Codes:
        """Where a window has texts."""
        return np.array(self.texts, dtype=np.int32)

    @property
    def length_words(self) -> Longs:
        """The lengths of the windows, as the state has them."""
        return np.array(self.lengths, dtype=np.int64)

    def limits(self) -> Limits:
        """Return how late records of this kind can be, by the domain file."""
        found = [rules(topic.name) for topic in domains().topics_becoming(self.kind)]
        return Limits(
            max(each.horizon for each in found),
            max(each.max_skew for each in found),
            max(each.days_kept for each in found),
            revising=domains().revising() if self.revisable else (),
        )


def header(name: str) -> Octets:
    """Return the five bytes that records of a contract begin with."""
    return np.frombuffer(contract(name).header, dtype=np.uint8)


BUY = np.frombuffer(b"buy", dtype=np.uint8)


def _trades() -> Reader:
    head = header("trade")
    return lambda s, values, first: fold_trades(s, *values.parts, first, head, BUY)


def _quotes() -> Reader:
    head = header("quote")
    return lambda s, values, first: fold_quotes(s, *values.parts, first, head)


def revisions(kind: str, stream: int) -> Reader:
    """Return the reader of cancels or corrections."""
    head = header(kind)
    corrects = int(kind == CORRECT)
    return lambda s, values, first: fold_revisions(s, *values.parts, first, head, stream, corrects)


BARS = Definition(
    contract="bar",
    kind="trade",
    lengths=tuple(INTERVALS.values()),
    readers={
        catalog.topic("trade"): _trades(),
        **{catalog.topic(kind): revisions(kind, trades.STREAM + 1 + k) for k, kind in enumerate(REVISIONS)},
    },
    finish=bars.finish_bars,
    facts=bars.FACTS,
    fixed=bars.FIXED,
    columns=bars.COLUMNS,
    counted="trade_count",
    record=read_bar,
    merge=merge_trades,
    text_columns=bars.TEXTS,
    level=bars.B_LEVEL,
    texts=(at.OPEN + at.PICK_ID, at.CLOSE + at.PICK_ID),
    revisable=True,
    contracts=(1, 2),
    missing_times={"last_trade_time": bars.B_LAST_TIME},
)
QUOTE_BARS = Definition(
    contract="quote_bar",
    kind="quote",
    lengths=(SECOND,),
    readers={catalog.topic("quote"): _quotes()},
    finish=quote_bars.finish_quote_bars,
    facts=quote_bars.FACTS,
    fixed=quote_bars.FIXED,
    columns=quote_bars.COLUMNS,
    counted="quote_count",
    record=read_quote_bar,
    merge=merge_quotes,
)
#: By the name of their contract.
DEFINITIONS = {each.contract: each for each in (BARS, QUOTE_BARS)}
