"""What there is, named once: kinds of records, the lengths of windows, and units of time.

A kind is a contract's name without its version.
"""

from __future__ import annotations

#: Units of time, µs.
SECOND = 1_000_000
DAY = 86_400 * SECOND

#: Windows of bars: name → length in µs. They are aligned to 1970-01-01T00:00Z and never span a UTC day.
INTERVALS = {"1s": SECOND, "1m": 60 * SECOND, "5m": 300 * SECOND, "1h": 3_600 * SECOND, "1d": DAY}

#: What raw frames of the hot path become, and the bars that each is reduced to.
NORMALIZED = ("trade", "quote")
BARS = ("bar", "quote_bar")
#: What a venue says of trades that it takes back or corrects.
REVISIONS = CANCEL, CORRECT = ("trade_cancel", "trade_correct")
#: Facts of reference data, and the series that are computed from them.
FACTS = ACTION, CLOSE = ("corporate_action", "daily_close")
ADJUSTED = FACTOR, ADJUSTED_BAR = ("adjustment_factor", "adjusted_bar")
