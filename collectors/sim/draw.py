"""Vectorised randomness of one block of frames: columns of integers from one Philox stream per (seed, block)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collectors.sim.instruments import Instrument, activity
from collectors.sim.spec import MAX_ID_STEP, MIN_DELAY_US, RESEND_MAX_US, SimSpec

Longs = npt.NDArray[np.int64]
BLOCK = 8192
TRADE, AGG_TRADE, DEPTH, QUOTE = 0, 1, 2, 3
_STEPS = np.array([-2, -1, -1, 0, 0, 1, 1, 2], dtype=np.int64)
_EXTREME = int(0.001 * (1 << 32))


@dataclass
class Draws:
    """One block's columns, a row per frame.

    ``extreme``: 1 the smallest size (1e-8), 2 the largest (1e9), else 0. ``resend_us``: 0, or how much later the
    frame is sent again. ``rank``: position among the block's frames of the same symbol and kind. ``revised``: 1 the
    trade is cancelled, 2 it is corrected, else 0; ``revised_us``: how much later.
    """

    event_us: Longs
    receive_us: Longs
    resend_us: Longs
    symbol: Longs
    kind: Longs
    rank: Longs
    ticks: Longs
    lots: Longs
    other_lots: Longs
    spread: Longs
    update_id: Longs
    extreme: Longs
    maker: npt.NDArray[np.bool_]
    malformed: npt.NDArray[np.bool_]
    revised: Longs
    revised_us: Longs


class Dice:
    """Draws the blocks of a spec in order; carries clocks, prices and update ids from block to block."""

    def __init__(self, spec: SimSpec, traded: list[Instrument]) -> None:
        self._spec = spec
        self._cumulative = activity(spec.symbols)
        self._clock_ns = spec.start_us * 1000
        self._ticks = np.array([one.first_ticks for one in traded], dtype=np.int64)
        self._updates = np.full(spec.symbols, 5_000_000_000 + spec.id_offset, dtype=np.int64)
        self._block = 0

    def next(self) -> Draws:
        """Draw the next block."""
        spec = self._spec
        bits = np.random.Generator(np.random.Philox(key=np.array([spec.seed, self._block], dtype=np.uint64)))
        self._block += 1
        raw = bits.integers(0, 1 << 32, size=(14, BLOCK), dtype=np.uint64)

        mean_ns = 1_000_000_000 // spec.rate
        elapsed = np.cumsum(_below(raw[0], 2 * mean_ns + 1))
        event_us = (self._clock_ns + elapsed) // 1000
        self._clock_ns += int(elapsed[-1])

        symbol = np.minimum(np.searchsorted(self._cumulative, raw[1], side="right"), spec.symbols - 1).astype(np.int64)
        kind = _kinds(raw[2], spec)
        delay = MIN_DELAY_US + _below(raw[3], spec.jitter_ms * 1000 + 1)
        delay += np.where(raw[4] < _share(spec.late_share), _below(raw[5], int(spec.late_max_s * 1e6) + 1), 0)
        resend = np.where(raw[6] < _share(spec.duplicate_share), 1000 + _below(raw[7], RESEND_MAX_US - 1000), 0)
        malformed = (raw[8] < _share(spec.malformed_share)) & (kind != DEPTH)

        # Drawn behind all else: where nothing is revised, the sequence is what it was.
        more = bits.integers(0, 1 << 32, size=(2, BLOCK), dtype=np.uint64)
        edges = np.cumsum(np.array([_share(spec.cancel_share), _share(spec.correct_share)], dtype=np.uint64))
        chosen = 1 + np.searchsorted(edges, more[0], side="right").astype(np.int64)
        revised = np.where((kind == TRADE) & ~malformed & (chosen < 3), chosen, 0)

        order = np.argsort(symbol, kind="stable")
        steps = _STEPS[(raw[9] & np.uint64(7)).astype(np.int64)]
        ticks = np.abs(self._walk(order, symbol, steps, self._ticks)) + 1
        updates = self._walk(order, symbol, 1 + _below(raw[10], MAX_ID_STEP), self._updates)
        small, large = raw[11] < _EXTREME, raw[11] >= (1 << 32) - _EXTREME
        return Draws(
            event_us=event_us,
            receive_us=event_us + delay + spec.clock_offset_ms * 1000,
            resend_us=np.where(malformed, 0, resend),
            symbol=symbol,
            kind=kind,
            rank=_rank(symbol * 4 + kind),
            ticks=ticks,
            lots=_lots(raw[12]),
            other_lots=_lots(raw[13]),
            spread=1 + _below(raw[10] ^ raw[13], 3),
            update_id=updates,
            extreme=np.where(small, 1, np.where(large, 2, 0)),
            maker=(raw[9] & np.uint64(256)) != 0,
            malformed=malformed,
            revised=revised,
            revised_us=1_000_000 + _below(more[1], 4_000_000),
        )

    def _walk(self, order: Longs, symbol: Longs, steps: Longs, state: Longs) -> Longs:
        """Return running sums of ``steps`` per symbol, on from ``state``, which is moved to the end of the block."""
        grouped = steps[order]
        total = np.cumsum(grouped)
        sums = np.bincount(symbol, weights=None, minlength=len(state))
        starts = np.cumsum(sums) - sums
        base = np.where(starts > 0, total[np.maximum(starts - 1, 0)], 0)
        out = np.empty_like(steps)
        out[order] = total - base[symbol[order]] + state[symbol[order]]
        last = order[np.maximum(starts + sums - 1, 0)]
        np.copyto(state, np.where(sums > 0, out[last], state))
        return out


def _share(share: float) -> int:
    return round(share * (1 << 32))


def _below(raw: npt.NDArray[np.uint64], end: int) -> Longs:
    """Scale 32 random bits to 0 … end - 1; ``end`` below 2**32."""
    scaled: Longs = ((raw * np.uint64(end)) >> np.uint64(32)).astype(np.int64)
    return scaled


def _kinds(raw: npt.NDArray[np.uint64], spec: SimSpec) -> Longs:
    shares = (spec.trade_share, spec.agg_trade_share, spec.depth_share)
    edges = np.cumsum(np.array([_share(share) for share in shares], dtype=np.uint64))
    found: Longs = np.searchsorted(edges, raw, side="right").astype(np.int64)
    return found


def _lots(raw: npt.NDArray[np.uint64]) -> Longs:
    """Sizes from 1 to about 250,000 lots, small ones far more often."""
    bits = raw.astype(np.int64)
    lots: Longs = 1 + ((bits & 255) * ((bits >> 8) & 255) * ((bits >> 16) & 15) >> ((bits >> 20) & 7))
    return lots


def _rank(group: Longs) -> Longs:
    """Return each row's position among the rows of its group."""
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    starts = np.cumsum(sizes) - sizes
    out = np.empty_like(group)
    out[order] = np.arange(len(group)) - starts[group[order]]
    return out
