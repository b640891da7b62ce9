"""Venue dialects: from a venue's bytes to identity and standard rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from udfs.venues import binance, coinbase, kraken, reference
from udfs.venues.facts import Fact
from udfs.venues.frames import Frame, QuoteRow, TradeRow


class Dialect(NamedTuple):
    """How a venue speaks.

    ``parse`` finds the identity of a frame, ``trades`` and ``quotes`` its rows, ``facts`` that of reference data; all
    raise ``Reject`` only.
    """

    parse: Callable[[bytes], Frame]
    trades: Callable[[Frame], list[TradeRow]]
    quotes: Callable[[Frame], list[QuoteRow]]
    facts: Callable[[Frame], Fact | None] = lambda _: None


DIALECTS = {
    "binance": Dialect(binance.parse, binance.trades, binance.quotes),
    "coinbase": Dialect(coinbase.parse, coinbase.trades, coinbase.quotes),
    "kraken": Dialect(kraken.parse, kraken.trades, kraken.quotes),
    "reference": Dialect(reference.parse, lambda _: [], lambda _: [], reference.facts),
}
