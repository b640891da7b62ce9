"""Results that are declared rather than programmed: columns of a record, reducers over them, fields of a contract.

    define(Declaration("quote_minute", "quote", (60 * SECOND,), schema=..., schema_id=...,
                       reducers=(Reduce("max_spread", "max", "spread"), Reduce("last_bid", "last", "bid_price"))))

gives a `Definition` like those of bars: the same fold, state, merging and snapshots, by kernels that are compiled once.
The key of a result is the entity; ``entity_id``, ``interval``, ``window_start``, ``window_end`` and ``version`` are
filled in where the contract has them, and all its other fields are reduced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from schemas import catalog
from schemas.catalog import INTERVALS, REVISIONS
from udfs.kernels.slices import Longs
from udfs.values.times import DAY
from udfs.windows.bar_objects import Reader as Bytes
from udfs.windows.definition import BUY, Definition, Reader, header, revisions
from udfs.windows.kernels import fields as to
from udfs.windows.kernels import layout as at
from udfs.windows.kernels import reducers as by
from udfs.windows.kernels.results import Column

#: Columns of each kind of record: word, words. Two words are ·1e12, three are products, ·1e24; no words: a text.
COLUMNS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "trade": {
        "price": (at.R_PRICE, 2),
        "size": (at.R_AMOUNT, 2),
        "notional": (at.R_PRODUCT, 3),
        "buy_size": (by.R_BOUGHT_SIZE, 2),
        "buy_notional": (by.R_BOUGHT_PRODUCT, 3),
        "venue_trade_id": (at.R_ID, 0),
    },
    "quote": {
        "bid_price": (at.R_VALUES, 2),
        "bid_size": (at.R_VALUES + 2, 2),
        "ask_price": (at.R_VALUES + 4, 2),
        "ask_size": (at.R_VALUES + 6, 2),
        "spread": (by.R_SPREAD, 2),
    },
}
_FOLDS = {"sum": by.SUM, "min": by.LEAST, "max": by.MOST}
_PICKS = {"first": by.FIRST, "last": by.LAST}
_HEADS = {
    "entity_id": (to.NAME, to.F_ENTITY, "string"),
    "interval": (to.INTERVAL, to.F_LEVEL, "string"),
    "window_start": (to.START, to.F_START, "long"),
    "window_end": (to.END, to.F_END, "long"),
    "version": (to.COUNTER, to.F_VERSION, "long"),
}
_SCALE, _MOST_DIGITS = 12, 38
#: A column that every declared result has besides its fields: events that count, so that rules pass empty windows by.
_COUNTED = "(events)"


class DeclarationError(ValueError):
    """A declaration that cannot be computed, or does not fit its contract."""


@dataclass(frozen=True)
class Reduce:
    """A field of a result: ``how`` is sum, min, max, first or last of a column, or count, which has none."""

    field: str
    how: str
    column: str = ""


@dataclass(frozen=True)
class Declaration:
    """A kind of result: ``kind`` of its records, ``lengths`` of its windows (µs, ascending), and an Avro contract."""

    name: str
    kind: str
    lengths: tuple[int, ...]
    reducers: tuple[Reduce, ...]
    schema: Mapping[str, Any]
    schema_id: int


@dataclass
class _Layout:
    """The layout of a window's words: they are assigned one after the other."""

    ops: list[tuple[int, int, int, int]] = field(default_factory=list)
    #: Per field: what a record of it is, the word of the window, the words.
    places: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    texts: list[int] = field(default_factory=list)
    used: int = at.REDUCED

    def take(self, words: int) -> int:
        """Return the first of some words that nothing else has."""
        place = self.used
        self.used += words
        if self.used > at.SAVED:
            raise DeclarationError(f"what is reduced takes more than the {at.SAVED - at.REDUCED} words of a window")
        return place


def define(declaration: Declaration) -> Definition:
    """Compile a declaration into a definition for the fold.

    Raises:
        DeclarationError: it names an unknown kind, column or reducer, its windows do not divide each other
            and the day, it needs more words than a window has, or the contract has other fields or types.
    """
    _check_lengths(declaration.lengths)
    layout = _laid_out(declaration)
    fields, columns, text_columns = _fields(declaration, layout)
    width = to.F_REDUCED + 2 * len(layout.places)
    ops, table = _table(layout.ops), _table(fields)
    intervals = _interval_names(declaration)

    def finish(s: Any, rows: Any, head: Any, _: Any, scratch: Any, facts: Any, *outs: Any) -> int:
        return int(to.finish_fields(s, rows, head, intervals, table, width, scratch, facts, *outs))

    return Definition(
        contract=declaration.name,
        kind=declaration.kind,
        lengths=declaration.lengths,
        readers=_readers(declaration.kind, ops),
        finish=finish,
        facts=width,
        fixed=8 + to.MOST_BYTES * len(fields),
        columns=columns,
        counted=_COUNTED,
        record=_record(declaration.schema),
        merge=lambda s, codes, words, texts: by.merge_columns(s, codes, words, texts, ops),
        texts=tuple(layout.texts),
        text_columns=text_columns,
        level=to.F_LEVEL,
        wire=b"\0" + declaration.schema_id.to_bytes(4, "big"),
    )


def _table(rows: list[Any]) -> Longs:
    return np.array(rows, dtype=np.int64).ravel()


def _check_lengths(lengths: tuple[int, ...]) -> None:
    if not 0 < len(lengths) <= at.LEVELS:
        raise DeclarationError(f"there are {len(lengths)} lengths of windows, not 1 to {at.LEVELS}")
    for short, long in zip(lengths, (*lengths[1:], DAY), strict=True):
        if short <= 0 or long % short or (short == long and long is not DAY and short != DAY):
            raise DeclarationError(f"windows of {short} µs do not divide those of {long} µs")
    if len(set(lengths)) < len(lengths):
        raise DeclarationError("two lengths of windows are equal")


def _laid_out(declaration: Declaration) -> _Layout:
    """Give each reducer its operation and its words; columns of one record share a pick."""
    layout = _Layout()
    columns = COLUMNS.get(declaration.kind)
    if columns is None:
        raise DeclarationError(f"nothing is declared over {declaration.kind!r}; known: {', '.join(COLUMNS)}")
    for each in declaration.reducers:
        if each.field in layout.places or each.field in _HEADS:
            raise DeclarationError(f"the field {each.field!r} is declared twice")
        if each.how == "count" and not each.column:
            layout.places[each.field] = (to.COUNTER, at.COUNT, 1)
        elif each.column not in columns or each.how not in {*_FOLDS, *_PICKS}:
            raise DeclarationError(
                f"{each.field}: no reducer {each.how!r} over {each.column!r} of a {declaration.kind}"
            )
        elif each.how in _FOLDS:
            _put_fold(layout, each, *columns[each.column])
    for how, pick in _PICKS.items():
        chosen = [each for each in declaration.reducers if each.how == how]
        if chosen:
            layout.ops.append((pick, 0, layout.take(2), 2))
            for each in chosen:
                _put_pick(layout, each, *columns[each.column])
    return layout


def _put_fold(layout: _Layout, each: Reduce, source: int, words: int) -> None:
    if not words:
        raise DeclarationError(f"{each.field}: a text has no {each.how}")
    target = layout.take(words)
    layout.ops.append((_FOLDS[each.how], source, target, words))
    layout.places[each.field] = (to.DECIMAL if words == 2 else to.PLAIN, target, words)


def _put_pick(layout: _Layout, each: Reduce, source: int, words: int) -> None:
    target = layout.take(words or 2)
    layout.ops.append((by.ALSO if words else by.ALSO_TEXT, source, target, words or 2))
    if words:
        layout.places[each.field] = (to.DECIMAL if words == 2 else to.PLAIN, target, words)
        return
    layout.places[each.field] = (to.ID, target, 0)
    layout.texts.append(target)
    if len(layout.texts) > 2:
        raise DeclarationError("a window has two texts at most: one of the first record and one of the last")


def _fields(
    declaration: Declaration, layout: _Layout
) -> tuple[list[tuple[int, ...]], dict[str, Column], dict[str, int]]:
    """Return the contract's fields in order, as the kernel writes them, and where columns and texts are then."""
    fields: list[tuple[int, ...]] = []
    columns = {_COUNTED: Column(to.F_COUNT, 1)}
    texts: dict[str, int] = {}
    places = dict(layout.places)
    for each in declaration.schema["fields"]:
        name, limit = each["name"], 0
        if name in _HEADS:
            what, fact, wanted = _HEADS[name]
            source = at.EVENTS
        elif name in places:
            what, source, _ = places.pop(name)
            fact = to.F_REDUCED + 2 * list(layout.places).index(name)
            wanted = {to.COUNTER: "long", to.DECIMAL: "decimal"}.get(what, "string")
        else:
            raise DeclarationError(f"the contract's field {name!r} is not declared")
        found, limit = _type(each["type"])
        if found != wanted:
            raise DeclarationError(f"the field {name!r} is a {found} in the contract, and computed as {wanted}")
        fields.append((what, source, fact, *_words(limit)))
        if what in (to.PLAIN, to.ID):
            texts[name] = fact
        elif wanted != "string":
            columns[name] = Column(fact, 2 if what == to.DECIMAL else 1)
    if places:
        raise DeclarationError(f"the contract has no field {', '.join(places)}")
    return fields, columns, texts


def _type(found: Any) -> tuple[str, int]:
    """Return a field's type in a word, and the first magnitude that is too wide for it."""
    if isinstance(found, str):
        return found, 0
    if found.get("logicalType") == "decimal" and found.get("type") == "bytes":
        if found.get("scale") != _SCALE or not 0 < found["precision"] <= _MOST_DIGITS:
            raise DeclarationError(f"decimals have {_SCALE} places and at most {_MOST_DIGITS} digits, not {found}")
        return "decimal", 10 ** int(found["precision"])
    return str(found.get("type")), 0


def _words(number: int) -> tuple[int, int]:
    low = number & ((1 << 64) - 1)
    return low - (1 << 64 if low >> 63 else 0), number >> 64


def _interval_names(declaration: Declaration) -> Any:
    """Return two bytes per level: the names of its windows, where the contract has a field for them."""
    names = {length: name for name, length in INTERVALS.items()}
    if all(each["name"] != "interval" for each in declaration.schema["fields"]):
        return np.zeros(0, dtype=np.uint8)
    if unnamed := [length for length in declaration.lengths if length not in names]:
        raise DeclarationError(f"windows of {unnamed[0]} µs have no name for the field 'interval'")
    return np.frombuffer("".join(names[length] for length in declaration.lengths).encode(), dtype=np.uint8)


def _readers(kind: str, ops: Longs) -> dict[str, Reader]:
    """Return the readers of a kind's topics: for trades also of what revises them, whose windows are asked for."""
    head = header(kind)
    if kind == "quote":
        return {
            catalog.topic("quote"): lambda s, values, first: by.fold_quote_columns(s, *values.parts, first, head, ops)
        }

    def trades(s: Any, values: Any, first: int) -> int:
        return int(by.fold_trade_columns(s, *values.parts, first, head, BUY, ops))

    also = {catalog.topic(each): revisions(each, by.STREAM + 1 + k) for k, each in enumerate(REVISIONS)}
    return {catalog.topic("trade"): trades, **also}


def _record(schema: Mapping[str, Any]) -> Callable[[bytes], Any]:
    """Return the reader of a result's bytes, as an object whose decimals are unscaled integers."""
    reads = {"string": Bytes.text, "long": Bytes.long, "decimal": Bytes.decimal}
    fields = [(each["name"], reads.get(_type(each["type"])[0], Bytes.text)) for each in schema["fields"]]

    def read(value: bytes) -> Any:
        reader = Bytes(value)
        return SimpleNamespace(**{name: take(reader) for name, take in fields})

    return read
