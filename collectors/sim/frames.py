"""From draws to frames: bytes, identity and receive time, in order of generation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from collectors.sim.draw import AGG_TRADE, BLOCK, DEPTH, QUOTE, TRADE, Dice, Draws, Longs
from collectors.sim.faults import FAULTS, fault_of
from collectors.sim.instruments import instruments
from collectors.sim.revisions import revisions
from collectors.sim.spec import MIN_DELAY_US, VENUE, SimSpec
from collectors.sim.wire import Wire
from udfs.gate.assign import assign

#: Channel names by kind; a frame's channel is an index here, malformed frames may have the last one.
CHANNELS = ("trade", "agg_trade", "depth", "book_ticker", "unassigned", "trade_cancel", "trade_correct")
Objects = npt.NDArray[np.object_]
GOOD, COPY, FIRST_FAULT = 0, 1, 2
_FAULT_CODE = {name: FIRST_FAULT + i for i, name in enumerate(FAULTS)}
FAULT_NAMES = tuple(FAULTS)
_BOOL = np.array(["false", "true"], dtype=object)
_POWERS = np.array([10**i for i in range(13)], dtype=np.int64)


@dataclass
class Rows:
    """Frames in columns; payload and ids are None in rows of other parts.

    ``code``: GOOD, COPY or FIRST_FAULT + index of the fault.
    """

    receive_us: Longs
    channel: Longs
    code: Longs
    owned: npt.NDArray[np.bool_]
    payload: Objects
    entity_id: Objects
    event_id: Objects
    event_time: Objects

    def __len__(self) -> int:
        return len(self.receive_us)

    def take(self, index: Any) -> Rows:
        """Return the rows at an index (mask or positions)."""
        return Rows(*(getattr(self, column.name)[index] for column in fields(self)))

    @staticmethod
    def join(parts: list[Rows]) -> Rows:
        """Concatenate."""
        return Rows(*(np.concatenate([getattr(p, column.name) for p in parts]) for column in fields(Rows)))


class FrameMaker:
    """Writes the blocks of a spec in order. With ``parts`` > 1 it writes only the entities of one part."""

    def __init__(self, spec: SimSpec, part: int = 0, parts: int = 1) -> None:
        self._spec = spec
        self._part, self._parts = part, parts
        self._traded = instruments(spec.symbols)
        self._dice = Dice(spec, self._traded)
        self._wires = [Wire(one) for one in self._traded]
        self._price_unit = _POWERS[[one.price_places for one in self._traded]]
        self._size_unit = _POWERS[[one.size_places for one in self._traded]]
        self._next_id = np.full((spec.symbols, 2), 1_000_000_000 + spec.id_offset, dtype=np.int64)  # trade, aggTrade
        self._depth_id = np.full(spec.symbols, 4_999_999_999 + spec.id_offset, dtype=np.int64)
        self._faults = 0

    def next(self) -> tuple[Rows, int]:
        """Return the next block of frames with their copies, and a time before which nothing more will be received."""
        draws = self._dice.next()
        rows = Rows(
            receive_us=draws.receive_us,
            channel=draws.kind.copy(),
            code=np.zeros(BLOCK, dtype=np.int64),
            owned=draws.symbol % self._parts == self._part,
            payload=np.empty(BLOCK, dtype=object),
            entity_id=np.empty(BLOCK, dtype=object),
            event_id=np.empty(BLOCK, dtype=object),
            event_time=(draws.event_us // 1000 * 1000).astype(object),
        )
        # A malformed frame is written by every part: only its broken bytes say whose it is.
        self._write(draws, rows, rows.owned | draws.malformed)
        for i in np.flatnonzero(draws.malformed).tolist():
            self._break(draws, rows, i)
        again = rows.take(draws.resend_us > 0)
        again.receive_us = again.receive_us + draws.resend_us[draws.resend_us > 0]
        again.code = np.full(len(again), COPY, dtype=np.int64)
        settled = int(draws.event_us[-1]) + self._spec.clock_offset_ms * 1000
        return Rows.join([rows, again, *self._revised(draws, rows)]), settled

    def _revised(self, draws: Draws, rows: Rows) -> list[Rows]:
        """Return the later revisions of the block's trades."""
        index = np.flatnonzero(draws.revised)
        if not len(index):
            return []
        units = self._price_unit[draws.symbol], self._size_unit[draws.symbol]
        offset = self._spec.clock_offset_ms * 1000
        frames = [
            frame
            for i in index.tolist()
            for frame in revisions(
                draws, i, self._wires[int(draws.symbol[i])], units, rows.event_id[i], owned=bool(rows.owned[i])
            )
        ]
        out = rows.take(np.array([frame.of for frame in frames], dtype=np.int64))
        out.receive_us = np.array([frame.at_us + MIN_DELAY_US + offset for frame in frames], dtype=np.int64)
        out.channel = np.array([CHANNELS.index(frame.channel) for frame in frames], dtype=np.int64)
        everything = np.arange(len(frames))
        _fill(out.payload, everything, [frame.payload for frame in frames])
        _fill(out.event_id, everything, [frame.event_id for frame in frames])
        _fill(out.event_time, everything, [frame.at_us // 1000 * 1000 for frame in frames])
        return [out]

    def _write(self, draws: Draws, rows: Rows, wanted: npt.NDArray[np.bool_]) -> None:
        ids = np.where(draws.kind < DEPTH, self._next_id[draws.symbol, np.minimum(draws.kind, 1)] + draws.rank, 0)
        whole, fraction = np.divmod(draws.ticks, self._price_unit[draws.symbol])
        ask_whole, ask_fraction = np.divmod(draws.ticks + draws.spread, self._price_unit[draws.symbol])
        size_whole, size_fraction = np.divmod(draws.lots, self._size_unit[draws.symbol])
        other_whole, other_fraction = np.divmod(draws.other_lots, self._size_unit[draws.symbol])
        time_ms, maker = draws.event_us // 1000, _BOOL[draws.maker.astype(np.int64)]
        price, size = (whole, fraction), (size_whole, size_fraction)
        ask, other = (ask_whole, ask_fraction), (other_whole, other_fraction)
        columns: dict[int, tuple[Any, ...]] = {
            TRADE: (time_ms, time_ms, ids, *price, *size, maker),
            AGG_TRADE: (time_ms, ids, *price, *size, ids * 2, ids * 2 + 1, time_ms, maker),
            QUOTE: (draws.update_id, *price, *size, *ask, *other, time_ms, time_ms),
        }
        group = draws.symbol * 4 + draws.kind
        order = np.argsort(group, kind="stable")
        edges = np.searchsorted(group[order], np.arange(self._spec.symbols * 4 + 1))
        for number in np.flatnonzero(np.diff(edges)).tolist():
            symbol, kind = divmod(number, 4)
            members = order[edges[number] : edges[number + 1]]
            if kind in (TRADE, AGG_TRADE):
                self._next_id[symbol, kind] += len(members)
            index = members[wanted[members]]
            wire = self._wires[symbol]
            entity = f"{VENUE}:{wire.symbol}" + ("@agg" if kind == AGG_TRADE else "")
            rows.entity_id[index] = entity
            prefix = f"{entity}:{CHANNELS[kind]}:"
            if kind == DEPTH:
                # Each depth frame names its predecessor, also one that another part writes.
                before = np.concatenate(([self._depth_id[symbol]], draws.update_id[members][:-1]))[wanted[members]]
                self._depth_id[symbol] = draws.update_id[members[-1]]
                columns[DEPTH] = ()
                last, times = draws.update_id[index], time_ms[index]
                parts = (times, times, before + 1, last, before, *(c[index] for c in (*price, *size, *ask, *other)))
                _fill(rows.payload, index, wire.depths(_tuples(parts)))
                pairs = zip((before + 1).tolist(), last.tolist(), strict=True)
                _fill(rows.event_id, index, [f"{prefix}{first}-{end}" for first, end in pairs])
                continue
            write: Callable[[Iterable[tuple[object, ...]]], list[bytes]]
            write = (wire.trades, wire.agg_trades, wire.quotes, wire.quotes)[kind]
            _fill(rows.payload, index, write(_tuples(column[index] for column in columns[kind])))
            number_of = draws.update_id if kind == QUOTE else ids
            _fill(rows.event_id, index, [f"{prefix}{one}" for one in number_of[index].tolist()])
        for i in np.flatnonzero((draws.extreme > 0) & (draws.kind == TRADE) & wanted).tolist():
            rows.payload[i] = _extreme(rows.payload[i], int(draws.extreme[i]))

    def _break(self, draws: Draws, rows: Rows, i: int) -> None:
        fault = fault_of(self._faults)
        self._faults += 1
        frame = FAULTS[fault][1](rows.payload[i], int(draws.update_id[i]))
        found = assign(VENUE, frame)
        owner = int(draws.symbol[i]) % self._parts if found.entity_id != VENUE else 0
        rows.code[i] = _FAULT_CODE[fault]
        rows.channel[i] = CHANNELS.index(found.channel)
        rows.owned[i] = owner == self._part
        rows.payload[i], rows.entity_id[i] = frame, found.entity_id
        rows.event_id[i], rows.event_time[i] = found.event_id, found.event_time


def _tuples(columns: Iterable[Any]) -> Iterable[tuple[object, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)


def _fill(column: Objects, index: Longs, values: list[Any]) -> None:
    """Assign a list as objects: numpy would make an array of bytes or strings of it, cutting trailing zero bytes."""
    boxed = np.empty(len(values), dtype=object)
    boxed[:] = values
    column[index] = boxed


def _extreme(frame: bytes, which: int) -> bytes:
    """Give a trade the smallest or the largest size."""
    start = frame.index(b'"q":"') + 5
    return frame[:start] + (b"0.00000001" if which == 1 else b"1000000000") + frame[frame.index(b'"', start) :]
