"""The simulated instruments: names, tick grids and how often each trades."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_NAMES = (
    "BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "AVAX", "LINK", "DOT",
    "LTC", "TRX", "UNI", "ATOM", "ETC", "FIL", "APT", "ARB", "OP", "PEPE",
)  # fmt: skip
# Decimals of price and of size, and the first price in ticks: up to the 12 decimals that the contract has.
_GRIDS = (
    (1, 3, 618_000), (2, 3, 260_000), (3, 1, 150_000), (4, 1, 6_000), (2, 2, 52_000), (5, 1, 10_000), (4, 1, 3_300),
    (3, 1, 21_000), (3, 2, 10_500), (3, 1, 4_500), (2, 3, 6_200), (5, 1, 12_800), (3, 1, 6_100), (3, 2, 4_700),
    (3, 2, 18_600), (3, 1, 3_600), (4, 1, 61_000), (4, 1, 5_400), (7, 1, 14_000_000), (12, 1, 8_123_456),
)  # fmt: skip


class Instrument(NamedTuple):
    """A name such as BTCUSDT; a price is ``ticks / 10**price_places``, a size ``lots / 10**size_places``."""

    symbol: str
    price_places: int
    size_places: int
    first_ticks: int


def instruments(count: int) -> list[Instrument]:
    """Return the first ``count`` instruments."""
    found = []
    for i in range(count):
        name = _NAMES[i] if i < len(_NAMES) else f"SIM{i}"
        price_places, size_places, ticks = _GRIDS[i % len(_GRIDS)]
        found.append(Instrument(f"{name}USDT", price_places, size_places, ticks))
    return found


def activity(count: int) -> npt.NDArray[np.uint64]:
    """Return cumulative weights on a scale of 2**32: the n-th instrument trades in proportion to 1 / (n + 3)."""
    weights = [(1 << 40) // (i + 3) for i in range(count)]
    total, cumulative, running = sum(weights), [], 0
    for weight in weights:
        running += weight
        cumulative.append((running << 32) // total)
    return np.array(cumulative, dtype=np.uint64)
