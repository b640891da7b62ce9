"""The fold's arrays, under their names: what kernels get instead of two dozen arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import types

from udfs.kernels.jit import BYTES, I32, I64, OUT
from udfs.kernels.slices import Codes, Longs, Octets
from udfs.windows.kernels import layout as at


class State(NamedTuple):
    """One shard's windows. Arrays are replaced when they grow, never resized; ``layout`` says what lies where."""

    facts: Longs  # FACTS: counters and settings
    lengths: Longs  # one per level: length of its windows, µs, ascending; each divides the next
    entities: Longs  # E_WIDTH words each
    seen: Longs  # per entity, stream and date: the last order seen, or -1
    names: Octets  # the entities' names, one after the other
    table: Longs  # hash table of names: (tag, code) each; code -1: empty
    rows: Longs  # WIDTH words each
    slots: Codes  # hash table of rows; -1: empty
    lists: Codes  # LISTS lists of CAPACITY places each
    moved: Codes  # entities that changed since they were saved
    texts: Octets  # ids that are too long for two words
    holes: Longs  # HOLE_WIDTH words each: what is to be asked for
    record: Longs  # R_WIDTH: the record being read
    chains: Codes  # C_WIDTH per row: where its log lies
    tape: Longs  # L_WIDTH each: trades of venues that revise
    revisions: Longs  # V_WIDTH each: what is revised of trades
    venues: Octets  # those that revise: of each the size of its name with the colon, and that


#: The same as numba's type.
STATE = types.NamedTuple((I64, I64, I64, I64, OUT, I64, I64, I32, I32, I32, OUT, I64, I64, I32, I64, I64, BYTES), State)


def aligned(words: int, fill: int = 0) -> Longs:
    """Return int64 words that begin at a cache line, so that a row of 32 lies in four of them."""
    room = np.full(words + 8, fill, dtype=np.int64)
    skip = -room.__array_interface__["data"][0] % 64 // 8
    return room[skip : skip + words]


def no_chains(rows: int) -> Codes:
    """Return the logs of so many rows: empty ones."""
    chains = np.full((rows, at.C_WIDTH), -1, dtype=np.int32)
    chains[:, at.C_COUNT] = 0
    return chains.reshape(-1)


def power_of_two(least: int) -> int:
    """Return the lowest power of two that is not below ``least``."""
    return 1 << max(0, least - 1).bit_length()


def empty(
    lengths: Longs,
    *,
    keep: int,
    far: int,
    silent: int,
    streams: int,
    dates: int,
    numbered: bool,
    venues: Sequence[str] = (),
) -> State:
    """Return a state without entities.

    Args:
        lengths: of the windows, µs, ascending, each dividing the next.
        keep: µs that a window stays after its end, by its entity's clock.
        far: µs that a watermark may be ahead of an entity's newest event to publish its windows; beyond, ticks do.
        silent: µs that the shard moves on before an entity that says nothing is silent.
        streams: how many topics with numbers of their own there are.
        dates: ingest dates, the newest and those before it, that a record can still have.
        numbered: whether records are held against their ``entity_seq`` at all.
        venues: those that revise, whose trades are logged.
    """
    facts = np.zeros(at.FACTS, dtype=np.int64)
    facts[at.KEEP], facts[at.FAR], facts[at.SILENT] = keep, far, silent
    facts[at.SHARD_MAX_INGEST] = -1
    facts[at.STREAMS], facts[at.DATES], facts[at.NUMBERED] = streams, dates, int(numbered)
    facts[at.LOG_FREE] = facts[at.REVISIONS_FREE] = -1
    facts[at.LOOKED : at.LOOKED + at.LEVELS] = -1
    rows, entities = 256, 16
    facts[at.CAPACITY] = rows
    return State(
        facts=facts,
        lengths=lengths,
        entities=aligned(entities * at.E_WIDTH),
        seen=np.full(entities * streams * dates, -1, dtype=np.int64),
        names=np.zeros(1024, dtype=np.uint8),
        table=np.full(2 * power_of_two(4 * entities), -1, dtype=np.int64),
        rows=aligned(rows * at.WIDTH),
        slots=np.full(power_of_two(2 * rows), -1, dtype=np.int32),
        lists=np.zeros(at.LISTS * rows, dtype=np.int32),
        moved=np.zeros(entities, dtype=np.int32),
        texts=np.zeros(1024, dtype=np.uint8),
        holes=np.zeros(256 * at.HOLE_WIDTH, dtype=np.int64),
        record=np.zeros(at.R_WIDTH, dtype=np.int64),
        chains=no_chains(rows),
        tape=np.zeros(entities * at.L_WIDTH, dtype=np.int64),
        revisions=np.zeros(entities * at.V_WIDTH, dtype=np.int64),
        venues=np.frombuffer(b"".join(bytes([len(each) + 1]) + f"{each}:".encode() for each in venues), dtype=np.uint8),
    )
