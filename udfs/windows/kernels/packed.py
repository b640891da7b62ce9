# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: a silent entity's windows as a few bytes, and back.

Windows are packed one after the other, longest first. Each is a bitmap of the words that differ from the window before
it, then the differences as varints, then its long texts. The five windows of one trade differ in two words only.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I32, LONG, OUT, inlined, kernel
from udfs.kernels.reading import get_long
from udfs.kernels.slices import Codes, Longs, Octets
from udfs.kernels.writing import put_long, put_raw
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import is_long
from udfs.windows.kernels.index import find, new_row, remove
from udfs.windows.kernels.reduce import held_by
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.words import U

#: Words of a packed window: those that a state carries, and the flags.
WORDS = at.SAVED + 1
#: Most bytes of a packed window besides its texts: the bitmap, and a varint per word.
MOST_BYTES = 4 + 10 * WORDS


@kernel(LONG, STATE, LONG, I32)
def silent_entities(s: State, budget: int, codes: Codes) -> int:
    """List those of the next ``budget`` entities that the shard has left behind. Returns how many there are.

    An entity is silent when the shard's newest ingest time has moved on by ``SILENT`` since it last spoke. Entities of
    history that is fed behind newer records are not: while they speak, the shard does not move on.
    """
    total = s.facts[at.ENTITIES]
    count = 0
    code = s.facts[at.COLD_HAND]
    for _ in range(min(budget, total)):
        if code >= total:
            code = 0
        e = code * at.E_WIDTH
        quiet = s.facts[at.SHARD_MAX_INGEST] - s.entities[e + at.E_HEARD] > s.facts[at.SILENT]
        if quiet and s.entities[e + at.E_MAX_INGEST] >= 0 and s.entities[e + at.E_CURRENT] != at.COLD:
            codes[count] = code
            count += 1
        code += 1
    s.facts[at.COLD_HAND] = code
    return count


@kernel(LONG, STATE, LONG, LONG, I32)
def kept_rows(s: State, code: int, clean: int, found: Codes) -> int:
    """List an entity's windows that are not over, longest first; return how many.

    Returns -1 if there are more than fit or more to look for than ``found`` has places, and with ``clean`` also if one
    is still to be published or saved.
    """
    e = code * at.E_WIDTH
    newest = max(s.entities[e + at.E_TIME], s.entities[e + at.E_TOP])
    count = 0
    for level in range(len(s.lengths) - 1, -1, -1):
        length = s.lengths[level]
        held = s.lengths[held_by(s, code, level)]
        least = max(np.int64(0), s.entities[e + at.E_MAX_INGEST] - s.facts[at.KEEP] - held + 1)
        if (newest - least) // length > len(found):
            return -1
        start = newest - newest % length
        while start >= least:
            _, row = find(s, (code << at.LEVEL_BITS) | level, start)
            if row >= 0:
                if count == len(found) or (clean == 1 and s.rows[row * at.WIDTH + at.FLAGS] & at.UNSETTLED != 0):
                    return -1
                found[count] = row
                count += 1
            start -= length
    return count


@kernel(LONG, STATE, LONG, I32)
def drop_rows(s: State, code: int, rows: Codes) -> int:
    """Take windows of an entity, which is cold from now on, out of the table. Returns how many."""
    for k in range(len(rows)):
        remove(s, np.int64(rows[k]))
    s.entities[code * at.E_WIDTH + at.E_CURRENT] = at.COLD
    return len(rows)


@inlined
def _content(s: State, x: int, word: int, texts: Codes) -> int:
    """Return a word as it is packed: without transient flags, and without the position of a long text."""
    if word == at.SAVED:
        return s.rows[x + at.FLAGS] & at.LASTING
    for k in range(len(texts)):
        if texts[k] == word and is_long(s.rows[x + word + 1]):
            return np.int64(0)
    return s.rows[x + word]


@kernel(LONG, STATE, I32, I32, OUT)
def pack_rows(s: State, rows: Codes, texts: Codes, out: Octets) -> int:
    """Write windows; ``texts`` are the words of a row that are texts. Returns how many bytes that took."""
    before = s.record
    for m in range(WORDS):
        before[m] = 0
    place = np.int64(0)
    for k in range(len(rows)):
        x = np.int64(rows[k]) * at.WIDTH
        bitmap, begin = U(0), place
        place += 4
        for m in range(WORDS):
            word = _content(s, x, m, texts)
            if word != before[m]:
                bitmap |= U(1) << U(m)
                place = put_long(out, place, word - before[m])
                before[m] = word
        for m in range(4):
            out[begin + m] = np.uint8((bitmap >> U(8 * m)) & U(255))
        for t in range(len(texts)):
            second = s.rows[x + texts[t] + 1]
            if is_long(second):
                size = second & at.SIZE_MASK
                put_raw(out, place, s.texts, s.rows[x + texts[t]], size)
                place += size
    return place


@inlined
def _read_words(packed: Octets, place: int, word: Longs) -> int:
    """Change the words of one window into those of the next; return where its texts begin."""
    bitmap = U(0)
    for m in range(4):
        bitmap |= np.uint64(packed[place + m]) << U(8 * m)
    place += 4
    for m in range(WORDS):
        if (bitmap >> U(m)) & U(1):
            change, place = get_long(packed, place, len(packed))
            word[m] += change
    return place


@kernel(LONG, STATE, LONG, BYTES, I32)
def put_packed(s: State, code: int, packed: Octets, texts: Codes) -> int:
    """Put packed windows back, linked with each other; the caller has made room. Returns how many."""
    word = s.record
    for m in range(WORDS):
        word[m] = 0
    place, count = np.int64(0), 0
    while place < len(packed):
        place = _read_words(packed, place, word)
        slot, row = find(s, word[at.KEY], word[at.START])
        if row < 0:
            row = new_row(s, slot, word[at.KEY], word[at.START])
        x = row * at.WIDTH
        for m in range(at.SAVED):
            s.rows[x + m] = word[m]
        s.rows[x + at.FLAGS] = word[at.SAVED]
        for t in range(len(texts)):
            if is_long(word[texts[t] + 1]):
                size = word[texts[t] + 1] & at.SIZE_MASK
                put_raw(s.texts, s.facts[at.TEXT_BYTES], packed, place, size)
                s.rows[x + texts[t]] = s.facts[at.TEXT_BYTES]
                s.facts[at.TEXT_BYTES] += size
                s.facts[at.LONGEST] = max(s.facts[at.LONGEST], size)
                place += size
        level = (word[at.KEY] & at.LEVEL_MASK) + 1
        if level < len(s.lengths):
            start = word[at.START]
            _, parent = find(s, word[at.KEY] + 1, start - start % s.lengths[level])
            s.rows[x + at.PARENT] = parent
        count += 1
    s.entities[code * at.E_WIDTH + at.E_CURRENT] = -1
    return count


@kernel(LONG, STATE)
def shard_max_ingest(s: State) -> int:
    """Return the newest ingest time of all entities, and keep it as the shard's."""
    for code in range(s.facts[at.ENTITIES]):
        s.facts[at.SHARD_MAX_INGEST] = max(
            s.facts[at.SHARD_MAX_INGEST], s.entities[code * at.E_WIDTH + at.E_MAX_INGEST]
        )
    return s.facts[at.SHARD_MAX_INGEST]
