# mypy: disable-error-code="return-value,assignment,no-any-return"
"""The state as bytes, explicitly: what changed, a slice of all, and all of it back (state version 3).

A part is msgpack: ``[version, first code, names, entities, rows, texts, cold, log]``. ``names`` are of new entities,
whose codes begin at ``first code``; ``entities`` and ``rows`` are columns packed by `packing`; ``texts`` are the
ids that are too long for two words, in the order of ``rows``; ``cold`` are codes and bytes of silent entities;
``log`` is of the rows' trades (`udfs.windows.trade_log_saving`).
Parts may repeat: the last word on an entity or a window holds. A window of a cold entity says that it has spoken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from udfs.kernels.jit import I64, LONG, kernel
from udfs.kernels.slices import Codes, Longs
from udfs.state.packing import pack, unpack
from udfs.windows.cold import Cold, Put
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.index import find, index_entities, new_row, push
from udfs.windows.kernels.packed import shard_max_ingest
from udfs.windows.kernels.state import STATE, State
from udfs.windows.room import room_for_entities, room_for_rows, room_for_texts
from udfs.windows.trade_log_saving import decode_log, encode_log

VERSION = 3
#: The version before: no trades were logged. Its entities go on as those of venues that do not revise.
_BEFORE = 2
#: What is restored; the last one is written.
STATES = (_BEFORE, VERSION)
#: Words of a window in a state: those before ``PARENT``, and the flags.
WORDS = at.SAVED + 1
_SAVED_FLAGS = at.DIRTY | at.LASTING


@kernel(LONG, STATE)
def mark_saved(s: State) -> int:
    """Note that all changes are saved. Returns how many windows had changed."""
    count = s.facts[at.CHANGED_ROWS]
    for k in range(count):
        row = np.int64(s.lists[at.CHANGED_ROWS * s.facts[at.CAPACITY] + k])
        s.rows[row * at.WIDTH + at.FLAGS] &= ~at.CHANGED
        s.chains[row * at.C_WIDTH + at.C_SAVED] = s.chains[row * at.C_WIDTH + at.C_HEAD]
    s.facts[at.CHANGED_ROWS] = 0
    for k in range(s.facts[at.CHANGED_ENTITIES]):
        s.entities[np.int64(s.moved[k]) * at.E_WIDTH + at.E_FLAGS] &= ~at.MOVED
    s.facts[at.CHANGED_ENTITIES] = 0
    return count


@kernel(LONG, STATE, I64)
def put_rows(s: State, words: Longs) -> int:
    """Make windows of a state's words, or overwrite them. Returns how many were made."""
    made = 0
    for k in range(len(words) // WORDS):
        w = k * WORDS
        slot, row = find(s, words[w + at.KEY], words[w + at.START])
        if row < 0:
            row = new_row(s, slot, words[w + at.KEY], words[w + at.START])
            made += 1
        for m in range(at.SAVED):
            s.rows[row * at.WIDTH + m] = words[w + m]
        s.rows[row * at.WIDTH + at.FLAGS] = words[w + at.SAVED]
        e = (words[w + at.KEY] >> at.LEVEL_BITS) * at.E_WIDTH
        s.entities[e + at.E_TOP] = max(s.entities[e + at.E_TOP], words[w + at.START])
    return made


@kernel(LONG, STATE)
def link_rows(s: State) -> int:
    """After the last part of a state: find the windows' parents, and list what is still to be published.

    Returns how many windows have no parent although there are longer ones: those that are over, if the state is sound.
    """
    alone = 0
    for row in range(s.facts[at.ROWS]):
        x = row * at.WIDTH
        level = (s.rows[x + at.KEY] & at.LEVEL_MASK) + 1
        s.rows[x + at.PARENT] = -1
        if level < len(s.lengths):
            start = s.rows[x + at.START]
            _, parent = find(s, s.rows[x + at.KEY] + 1, start - start % s.lengths[level])
            s.rows[x + at.PARENT] = parent
            alone += parent < 0
        if s.rows[x + at.FLAGS] & at.DIRTY:
            push(s, at.FRESH, row)
    s.facts[at.MADE] = 0
    return alone


def encode(
    s: State,
    rows: Codes,
    entities: Longs,
    first: int,
    end: int,
    texts: Codes,
    cold: Sequence[Put],
    *,
    whole: bool,
) -> bytes:
    """Return a part of the state.

    Args:
        s: the state.
        rows: windows to write.
        entities: codes of entities to write.
        first: the names begin at this code,
        end: and end before this one.
        texts: where a row has texts.
        cold: silent entities to write, packed, by code.
        whole: write all that the windows have in the log, else what is new there.
    """
    table = s.rows[: int(s.facts[at.ROWS]) * at.WIDTH].reshape(-1, at.WIDTH)[rows]
    columns = [pack(table[:, word]) for word in range(at.SAVED)] if len(rows) else []
    if len(rows):
        columns.append(pack(table[:, at.FLAGS] & _SAVED_FLAGS))
    people = s.entities[: int(s.facts[at.ENTITIES]) * at.E_WIDTH].reshape(-1, at.E_WIDTH)
    spans = people[first:end, [at.E_NAME, at.E_SIZE]].tolist()
    per = int(s.facts[at.STREAMS] * s.facts[at.DATES])
    seen = s.seen.reshape(-1, per)[entities]
    facts = [pack(entities), pack(people[entities, at.E_MAX_INGEST]), pack(people[entities, at.E_TIME])]
    facts += [pack(people[entities, at.E_HEARD]), pack(people[entities, at.E_FLAGS] & at.LOGGED)]
    facts += [pack(seen[:, k]) for k in range(per)]
    names = [s.names[begin : begin + size].tobytes() for begin, size in spans]
    packed = [pack([code for code, *_ in cold]), [content for _, content, _ in cold], [log for *_, log in cold]]
    log = encode_log(s, rows, whole=whole) if s.facts[at.LOG_MADE] or s.facts[at.REVISIONS_MADE] else []
    return msgspec.msgpack.encode((VERSION, first, names, facts, columns, _long_texts(s, table, texts), packed, log))


def _long_texts(s: State, table: Longs, texts: Codes) -> list[list[bytes]]:
    if not s.facts[at.TEXT_BYTES]:
        return []
    found = []
    for word in texts.tolist():
        rows = table[is_long_text(table[:, word + 1])]
        spans = zip(rows[:, word].tolist(), (rows[:, word + 1] & at.SIZE_MASK).tolist(), strict=True)
        found.append([s.texts[begin : begin + size].tobytes() for begin, size in spans])
    return found


def is_long_text(second: Longs) -> Any:
    """Return which texts lie elsewhere, by their second words."""
    return (second >> 56) == -1


def restore(s: State, log: Iterable[bytes], texts: Codes, cold: Cold) -> State:
    """Return the empty state ``s`` filled from the parts of a log, and fill ``cold``.

    Raises:
        ValueError: a part has another version, or the log lacks a part.
    """
    parts = [msgspec.msgpack.decode(part) for part in log]
    for version, *_ in parts:
        if version not in STATES:
            raise ValueError(f"state of version {version}, expected {VERSION}")
    names: dict[int, bytes] = {}
    for _, first, published, *_ in parts:
        names |= dict(enumerate(published, first))
    if names and max(names) != len(names) - 1:
        raise ValueError("the state lacks the names of entities: a part of its log is missing")
    s = _with_names(s, [names[code] for code in range(len(names))])
    for version, _, _, entities, columns, long_texts, packed, *of_log in parts:
        _put_entities(s, [unpack(column) for column in entities], logged=version > _BEFORE)
        if columns:
            s = _put_windows(s, [unpack(column) for column in columns], long_texts, texts, cold)
        if of_log:
            s = decode_log(s, of_log[0], texts)
        codes = unpack(packed[0]).tolist()
        for code, content, of in zip(codes, packed[1], packed[2] if of_log else [[]] * len(codes), strict=True):
            _known(s, code)
            cold.put(s, code, content, of)
    shard_max_ingest(s)
    link_rows(s)
    return s


def _with_names(s: State, names: Sequence[bytes]) -> State:
    s = room_for_entities(s, len(names), sum(map(len, names)))
    people = s.entities.reshape(-1, at.E_WIDTH)
    size = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
    people[: len(names), at.E_SIZE] = size
    people[: len(names), at.E_NAME] = np.cumsum(size) - size
    people[: len(names), [at.E_MAX_INGEST, at.E_TIME, at.E_CURRENT, at.E_HEARD, at.E_TOP]] = -1
    people[: len(names), at.E_FLAGS] = 0
    used = int(size.sum())
    s.names[:used] = np.frombuffer(b"".join(names), dtype=np.uint8)
    s.facts[at.NAME_BYTES] = used
    s.facts[at.ENTITIES] = len(names)
    index_entities(s)
    return s


def _put_entities(s: State, columns: list[Longs], *, logged: bool) -> None:
    codes, max_ingest, time, heard, *seen = columns
    if not len(codes):
        return
    _known(s, int(codes.max()))
    people = s.entities.reshape(-1, at.E_WIDTH)
    people[codes, at.E_MAX_INGEST] = max_ingest
    people[codes, at.E_TIME] = time
    people[codes, at.E_HEARD] = heard
    if logged:
        people[codes, at.E_FLAGS] = seen.pop(0)
    s.seen.reshape(-1, len(seen))[codes] = np.stack(seen, axis=1)


def _known(s: State, code: int) -> None:
    if code >= int(s.facts[at.ENTITIES]):
        raise ValueError("the state lacks the names of entities: a part of its log is missing")


def _put_windows(s: State, columns: list[Longs], long_texts: list[list[bytes]], texts: Codes, cold: Cold) -> State:
    words = np.ascontiguousarray(np.stack(columns, axis=1))
    codes = words[:, at.KEY] >> at.LEVEL_BITS
    _known(s, int(codes.max()))
    s = cold.unpack_all(s, set(codes.tolist())) if len(cold) else s
    s = put_texts(s, words, long_texts, texts)
    s = room_for_rows(s, len(words))
    put_rows(s, words.ravel())
    return s


def put_texts(s: State, words: Longs, long_texts: list[list[bytes]], texts: Codes) -> State:
    """Put long texts into the state, and their places into the words (windows by WORDS) that name them."""
    s = room_for_texts(s, sum(len(text) for found in long_texts for text in found), texts)
    for word, found in zip(texts.tolist(), long_texts, strict=False):
        content = b"".join(found)
        begin = int(s.facts[at.TEXT_BYTES])
        s.texts[begin : begin + len(content)] = np.frombuffer(content, dtype=np.uint8)
        s.facts[at.TEXT_BYTES] = begin + len(content)
        size = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
        s.facts[at.LONGEST] = max(int(s.facts[at.LONGEST]), int(size.max(initial=0)))
        words[is_long_text(words[:, word + 1]), word] = begin + np.cumsum(size) - size
    return s
