"""Making room: larger arrays with the same content. Rows, entities and texts keep their numbers and places."""

from __future__ import annotations

import numpy as np

from udfs.kernels.slices import Codes, Longs
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.index import index_entities, index_rows
from udfs.windows.kernels.state import State, aligned, no_chains, power_of_two
from udfs.windows.kernels.sweep import pack_texts


def room_for_rows(s: State, more: int) -> State:
    """Return the state with room for ``more`` rows; the free ones are among them."""
    facts = s.facts
    used = int(facts[at.ROWS])
    before = int(facts[at.CAPACITY])
    need = used - int(facts[at.FREE]) + more
    if need <= before:
        return s
    capacity = max(need, before + before // 2)
    rows = aligned(capacity * at.WIDTH)
    rows[: used * at.WIDTH] = s.rows[: used * at.WIDTH]
    lists = np.zeros(at.LISTS * capacity, dtype=np.int32)
    for which in range(at.LISTS):
        count = int(facts[which])
        lists[which * capacity : which * capacity + count] = s.lists[which * before : which * before + count]
    facts[at.CAPACITY] = capacity
    chains = no_chains(capacity)
    chains[: used * at.C_WIDTH] = s.chains[: used * at.C_WIDTH]
    s = s._replace(chains=chains)
    if 2 * capacity <= len(s.slots):
        return s._replace(rows=rows, lists=lists)
    grown = s._replace(rows=rows, lists=lists, slots=np.full(power_of_two(2 * capacity), -1, dtype=np.int32))
    index_rows(grown)
    return grown


def room_for_entities(s: State, more: int, name_bytes: int) -> State:
    """Return the state with room for ``more`` entities, whose names have so many bytes together."""
    facts = s.facts
    used = int(facts[at.ENTITIES])
    per = int(facts[at.STREAMS] * facts[at.DATES])
    if used + more > len(s.moved):
        capacity = max(used + more, 2 * len(s.moved))
        entities = aligned(capacity * at.E_WIDTH)
        entities[: used * at.E_WIDTH] = s.entities[: used * at.E_WIDTH]
        seen = np.full(capacity * per, -1, dtype=np.int64)
        seen[: used * per] = s.seen[: used * per]
        moved = np.zeros(capacity, dtype=np.int32)
        moved[: len(s.moved)] = s.moved
        table = np.full(2 * power_of_two(4 * capacity), -1, dtype=np.int64)
        s = s._replace(entities=entities, seen=seen, moved=moved, table=table)
        index_entities(s)
    need = int(facts[at.NAME_BYTES]) + name_bytes
    if need > len(s.names):
        names = np.zeros(2 * need, dtype=np.uint8)
        names[: len(s.names)] = s.names
        s = s._replace(names=names)
    return s


def room_for_log(s: State, trades: int, revisions: int) -> State:
    """Return the state with room for more trades in the log, and for more revisions of them."""
    if (int(s.facts[at.LOG_MADE]) + trades) * at.L_WIDTH > len(s.tape):
        s = s._replace(tape=_longer(s.tape, trades * at.L_WIDTH))
    if (int(s.facts[at.REVISIONS_MADE]) + revisions) * at.V_WIDTH > len(s.revisions):
        s = s._replace(revisions=_longer(s.revisions, revisions * at.V_WIDTH))
    return s


def _longer(words: Longs, more: int) -> Longs:
    longer = np.zeros(len(words) + max(more, len(words) // 2), dtype=np.int64)
    longer[: len(words)] = words
    return longer


def room_for_texts(s: State, more: int, words: Codes) -> State:
    """Return the state with room for ``more`` bytes of long texts; those that no row names any more are left behind.

    ``words`` are where a row has texts.
    """
    if int(s.facts[at.TEXT_BYTES]) + more <= len(s.texts):
        return s
    packed = np.empty(len(s.texts), dtype=np.uint8)
    used = pack_texts(s, packed, words, len(words))
    texts = np.empty(max(2 * (used + more), len(s.texts)), dtype=np.uint8)
    texts[:used] = packed[:used]
    s.facts[at.TEXT_BYTES] = used
    return s._replace(texts=texts)


def take_holes(s: State) -> Longs:
    """Return the repairs to ask for, HOLE_WIDTH words each, and forget them."""
    count = int(s.facts[at.HOLES])
    s.facts[at.HOLES] = 0
    return s.holes[: count * at.HOLE_WIDTH].reshape(count, at.HOLE_WIDTH).copy()
