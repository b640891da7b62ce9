"""Venue dialects: from a venue's bytes to identity and standard rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from udfs.values.rejects import Reject
from udfs.venues import binance, coinbase, kraken, reference
from udfs.venues.facts import Fact
from udfs.venues.frames import Frame, QuoteRow, RevisionRow, TradeRow


def _no_revisions(frame: Frame) -> list[RevisionRow]:
    raise Reject("unknown_channel", f"this venue revises no trades: {frame.channel}")


def _no_numbers(frame: Frame) -> tuple[int, int] | None:  # noqa: ARG001 - of any dialect's frame
    return None


class Dialect(NamedTuple):
    """How a venue speaks.

    ``parse`` finds the identity of a frame, ``trades``, ``quotes`` and ``revisions`` its rows, ``facts`` that of
    reference data; all raise ``Reject`` only. ``numbers`` are the first and the last of the venue's numbers that a
    frame carries, None where it has none.
    """

    parse: Callable[[bytes], Frame]
    trades: Callable[[Frame], list[TradeRow]]
    quotes: Callable[[Frame], list[QuoteRow]]
    revisions: Callable[[Frame], list[RevisionRow]] = _no_revisions
    numbers: Callable[[Frame], tuple[int, int] | None] = _no_numbers
    facts: Callable[[Frame], Fact | None] = lambda _: None


DIALECTS = {
    "binance": Dialect(binance.parse, binance.trades, binance.quotes, binance.revisions, binance.numbers),
    "coinbase": Dialect(coinbase.parse, coinbase.trades, coinbase.quotes, numbers=coinbase.numbers),
    "kraken": Dialect(kraken.parse, kraken.trades, kraken.quotes),
    "reference": Dialect(reference.parse, lambda _: [], lambda _: [], facts=reference.facts),
}
