"""Revisions by the simulated venue: a cancel, or one or two corrections, which a cancel may follow.

They come 1 to 10 s after the trade's time, and a late trade may come after them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from collectors.sim.draw import Draws, Longs
from collectors.sim.wire import Wire


class Revision(NamedTuple):
    """One frame: the row of the block that it revises, its own time, and bytes and identity (None in another part)."""

    of: int
    at_us: int
    channel: str
    payload: bytes | None
    event_id: str | None


def revisions(
    draws: Draws, i: int, wire: Wire, units: tuple[Longs, Longs], trade: str | None, *, owned: bool
) -> Iterator[Revision]:
    """Yield the revisions of the trade in row ``i``.

    Args:
        draws: the block.
        i: a row whose ``revised`` is not 0.
        wire: of its instrument.
        units: ticks per whole price and lots per whole size, by row.
        trade: event id of the trade; None where another part writes it.
        owned: whether this part writes it.
    """
    choice = int(draws.lots[i])
    names = ["trade_cancel"] if draws.revised[i] == 1 else ["trade_correct"] * (1 + choice % 2)
    names += ["trade_cancel"] if draws.revised[i] == 2 and choice % 8 == 0 else []
    for number, name in enumerate(names, 1):
        at_us = int(draws.event_us[i]) + number * int(draws.revised_us[i])
        if not owned or trade is None:
            yield Revision(i, at_us, name, None, None)
            continue
        entity, _, trade_id = trade.rpartition(":trade:")
        venue_id = int(trade_id) * 10 + number
        row = (at_us // 1000, at_us // 1000, venue_id, int(trade_id), int(draws.event_us[i]) // 1000, number)
        if name == "trade_cancel":
            payload = wire.cancel(*row)
        else:
            price = divmod(int(draws.ticks[i] + number * draws.spread[i]), int(units[0][i]))
            size = divmod(int(draws.other_lots[i]), int(units[1][i]))
            payload = wire.correct(*row, *price, *size)
        yield Revision(i, at_us, name, payload, f"{entity}:{name}:{venue_id}")
