"""What the dialect of reference data yields."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

ANNOUNCED, CANCELLED = "announced", "cancelled"
AS_TRADED, SPLIT_ADJUSTED = "as_traded", "split_adjusted"
SHARES = ("split", "reverse_split", "stock_dividend")
DIVIDEND, SYMBOL_CHANGE = "cash_dividend", "symbol_change"


class ActionFact(NamedTuple):
    """One announcement of a corporate action; dates are days since 1970-01-01, times µs UTC.

    ``ratio`` is shares after for shares before (1 where no shares change), ``amount`` canonical decimal text;
    ``announced_time`` is None where the source does not say.
    """

    action_id: str
    revision: int
    status: str
    kind: str
    ex_date: int
    announced_time: int | None
    ratio: Fraction
    amount: str
    currency: str
    new_symbol: str


class CloseFact(NamedTuple):
    """One session's close; numbers are canonical decimal texts, empty where the source has none."""

    date: int
    revision: int
    close: str
    volume: str
    published: str
    currency: str
    basis: str


Fact = ActionFact | CloseFact
