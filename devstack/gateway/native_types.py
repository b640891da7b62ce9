"""How long a column is in ClickHouse's Native format (revision 0), by its type: a walk over the bytes, no decoding.

A column is walked in two steps, as the engine writes it. First the prefixes of the type and of all types inside it
(versions of dictionaries, types that a Dynamic has in this block), then the data. A ``Kind`` is what is known of a type
before its prefix is read; ``prefix`` returns the Kind that walks the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from devstack.gateway.errors import NOT_IMPLEMENTED, ClickHouseError
from devstack.gateway.native_source import Source, Walk

#: Most types one inside the other; a walk takes two frames of Python's stack for each.
_DEPTH_LIMIT: Final = 100


class Kind:
    """A type, by how its columns are laid out."""

    def prefix(self, source: Source) -> Walk[Kind]:  # noqa: ARG002 (most types have none)
        """Walk what stands before the data of a column; return the Kind that walks the data."""
        yield from ()
        return self

    def data(self, source: Source, rows: int) -> Walk[None]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Fixed(Kind):
    """Values of ``width`` bytes."""

    width: int

    def data(self, source: Source, rows: int) -> Walk[None]:
        yield from source.skip(self.width * rows)


class Strings(Kind):
    """Values that say their length."""

    def data(self, source: Source, rows: int) -> Walk[None]:
        yield from source.strings(rows)


@dataclass(frozen=True, slots=True)
class Nullable(Kind):
    """A byte for every row, then the values of every row."""

    inner: Kind

    def prefix(self, source: Source) -> Walk[Kind]:
        return Nullable((yield from self.inner.prefix(source)))

    def data(self, source: Source, rows: int) -> Walk[None]:
        yield from source.skip(rows)
        yield from self.inner.data(source, rows)


@dataclass(frozen=True, slots=True)
class Array(Kind):
    """The end of every row, counted in elements, then all elements."""

    inner: Kind

    def prefix(self, source: Source) -> Walk[Kind]:
        return Array((yield from self.inner.prefix(source)))

    def data(self, source: Source, rows: int) -> Walk[None]:
        if rows:
            yield from source.skip(8 * (rows - 1))
            elements = yield from source.number()
            yield from self.inner.data(source, elements)


@dataclass(frozen=True, slots=True)
class Columns(Kind):
    """Columns one after the other: a tuple."""

    items: Sequence[Kind]

    def prefix(self, source: Source) -> Walk[Kind]:
        return Columns((yield from _prefixes(source, self.items)))

    def data(self, source: Source, rows: int) -> Walk[None]:
        for item in self.items:
            yield from item.data(source, rows)


@dataclass(frozen=True, slots=True)
class LowCardinality(Kind):
    """A dictionary of ``keys``, then an index into it for every row."""

    keys: Kind

    def prefix(self, source: Source) -> Walk[Kind]:
        yield from _expect(source, "LowCardinality", 1)
        return self

    def data(self, source: Source, rows: int) -> Walk[None]:
        if rows:
            flags = yield from source.number()
            width = {0: 1, 1: 2, 2: 4, 3: 8}.get(flags & 0xFF)
            if width is None or flags & 0x100:  # 0x100: the dictionary is not in the stream
                raise ClickHouseError(NOT_IMPLEMENTED, f"LowCardinality with flags {flags:#x} in Native output")
            yield from self.keys.data(source, (yield from source.number()))
            yield from source.skip(width * (yield from source.number()))


@dataclass(frozen=True, slots=True)
class OneOf(Kind):
    """A byte for every row that says which of the items has its value (another number: NULL), then the items."""

    items: Sequence[Kind]

    def data(self, source: Source, rows: int) -> Walk[None]:
        counts = yield from source.count(rows, len(self.items))
        for item, count in zip(self.items, counts, strict=True):
            yield from item.data(source, count)


@dataclass(frozen=True, slots=True)
class Variant(Kind):
    """One of the items, which stand in the order of their types' names."""

    items: Sequence[Kind]

    def prefix(self, source: Source) -> Walk[Kind]:
        yield from _expect(source, "Variant", 0)
        return OneOf((yield from _prefixes(source, self.items)))


class Dynamic(Kind):
    """A Variant whose types stand in the block. Version 1 adds one for types above the limit; 3 is «flattened»."""

    def prefix(self, source: Source) -> Walk[Kind]:
        version = yield from _expect(source, "Dynamic", 1, 3)
        if version == 1:
            yield from source.varint()  # most types
        types: list[str] = []
        for _ in range((yield from source.varint())):
            types.append((yield from source.name()))  # noqa: PERF401 (no comprehension may wait)
        if len(types) > 255:
            raise ClickHouseError(NOT_IMPLEMENTED, f"A Dynamic column of {len(types)} types in Native output")
        if version == 3:
            return OneOf((yield from _prefixes(source, [parse(name) for name in types])))
        kinds = {name.encode(errors="surrogateescape"): parse(name) for name in types}
        kinds[b"SharedVariant"] = Strings()
        return (yield from Variant([kind for _, kind in sorted(kinds.items())]).prefix(source))


@dataclass(frozen=True, slots=True)
class Json(Kind):
    """Typed paths, then the paths of the block as Dynamic columns, then pairs of path and value above the limit.

    Version 0 is this, 3 («flattened») has no pairs, 1 is text.
    """

    typed: Columns

    def prefix(self, source: Source) -> Walk[Kind]:
        version = yield from _expect(source, "JSON", 0, 1, 3)
        if version == 1:
            return Strings()
        if version == 0:
            yield from source.varint()  # most paths
        paths = yield from source.varint()
        for _ in range(paths):
            yield from source.name()
        items = yield from _prefixes(source, [*self.typed.items, *[Dynamic()] * paths])
        return Columns([*items, Array(Columns([Strings(), Strings()]))] if version == 0 else items)


def _expect(source: Source, name: str, *versions: int) -> Walk[int]:
    version = yield from source.number()
    if version not in versions:
        raise ClickHouseError(NOT_IMPLEMENTED, f"Type {name} with serialization {version} in Native output")
    return version


def _prefixes(source: Source, kinds: Sequence[Kind]) -> Walk[list[Kind]]:
    ready: list[Kind] = []
    for kind in kinds:
        ready.append((yield from kind.prefix(source)))  # noqa: PERF401 (no comprehension may wait)
    return ready


_WIDTHS: Final = {
    **dict.fromkeys(("Nothing", "Bool", "Int8", "UInt8", "Enum8"), 1),
    **dict.fromkeys(("Int16", "UInt16", "BFloat16", "Date", "Enum16"), 2),
    **dict.fromkeys(("Int32", "UInt32", "Float32", "Date32", "DateTime", "Time", "IPv4"), 4),
    **dict.fromkeys(("Int64", "UInt64", "Float64", "DateTime64", "Time64"), 8),
    **dict.fromkeys(("Int128", "UInt128", "UUID", "IPv6"), 16),
    **dict.fromkeys(("Int256", "UInt256"), 32),
}
_DECIMALS: Final = ((4, 9), (8, 18), (16, 38), (32, 76))
_PLAIN: Final[dict[str, Kind]] = {"String": Strings(), "Dynamic": Dynamic()}
_QBIT_PLANES: Final = {"Int8": 8, "BFloat16": 16, "Float32": 32, "Float64": 64}
_GEOMETRY: Final = {
    "Point": "Tuple(Float64, Float64)",
    **dict.fromkeys(("Ring", "LineString", "MultiPoint"), "Array(Point)"),
    **dict.fromkeys(("Polygon", "MultiLineString"), "Array(Ring)"),
    "MultiPolygon": "Array(Polygon)",
    "Geometry": "Variant(LineString, MultiLineString, MultiPolygon, Point, Polygon, Ring)",
}

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[^(),'`]+|.", re.DOTALL)
#: The name of a tuple's element, or of a path, with the blank before its type.
_ELEMENT = re.compile(r"(?:`(?:[^`\\]|\\.)*`|[^\s(`']+) (?=\S)", re.DOTALL)
_JSON_OPTION = re.compile("max_dynamic_(?:paths|types)=|SKIP ")

#: Types that are made of others, or of numbers: how many arguments they have (None: any number), and their Kind by
#: their arguments and depth.
_COMPOSITES: Final[dict[str, tuple[int | None, Callable[[list[str], int], Kind]]]] = {
    "FixedString": (1, lambda items, _: Fixed(int(items[0]))),
    "Decimal": (2, lambda items, _: Fixed(next(width for width, digits in _DECIMALS if int(items[0]) <= digits))),
    "QBit": (2, lambda items, _: Fixed(_QBIT_PLANES[items[0]] * -(-int(items[1]) // 8))),
    "Nullable": (1, lambda items, depth: Nullable(parse(items[0], depth))),
    "LowCardinality": (1, lambda items, depth: LowCardinality(parse(_not_null(items[0]), depth))),
    "SimpleAggregateFunction": (2, lambda items, depth: parse(items[1], depth)),
    "Array": (1, lambda items, depth: Array(parse(items[0], depth))),
    "Map": (2, lambda items, depth: Array(Columns([parse(item, depth) for item in items]))),
    "Nested": (None, lambda items, depth: Array(_tuple(items, depth))),
    "Tuple": (None, lambda items, depth: _tuple(items, depth) if items else Fixed(1)),
    "Variant": (None, lambda items, depth: Variant([parse(item, depth) for item in items])),
    # The name has the typed paths in the order of their columns.
    "JSON": (None, lambda items, depth: Json(_tuple([item for item in items if not _JSON_OPTION.match(item)], depth))),
}


def parse(name: str, depth: int = 0) -> Kind:
    """Return the Kind of a type by the name that the engine gives it, in which all is written in one way.

    Raise ClickHouseError for types whose columns cannot be walked: the states of AggregateFunction above all, which
    do not say their length, and types that are newer than this.
    """
    head, bracket, _ = name.partition("(")
    if head in _WIDTHS:
        return Fixed(_WIDTHS[head])
    if head.startswith("Interval"):
        return Fixed(8)
    if head in _PLAIN:
        return _PLAIN[head]
    if depth > _DEPTH_LIMIT:
        raise ClickHouseError(NOT_IMPLEMENTED, f"More than {_DEPTH_LIMIT} types one inside the other in Native output")
    if name in _GEOMETRY:
        return parse(_GEOMETRY[name], depth + 1)
    arguments = _arguments(name) if bracket else []
    count, build = _COMPOSITES.get(head, (-1, None))
    known = count in (None, len(arguments)) and (head != "QBit" or arguments[0] in _QBIT_PLANES)
    if build is None or not known:
        text = f"Type {name:.200} in Native output for this client_protocol_version; choose another format"
        raise ClickHouseError(NOT_IMPLEMENTED, text)
    return build(arguments, depth + 1)


def _tuple(items: list[str], depth: int) -> Columns:
    """Return the Kind of elements or paths that may each have a name before the type."""
    names = [_ELEMENT.match(item) for item in items]
    return Columns(
        [parse(item[name.end() :] if name else item, depth) for name, item in zip(names, items, strict=True)]
    )


def _not_null(name: str) -> str:
    """Return T for Nullable(T): a dictionary has NULL as its first key, not a byte for every key."""
    return _arguments(name)[0] if name.startswith("Nullable(") else name


def _arguments(name: str) -> list[str]:
    """Return what stands between the outermost parentheses of a type's name, cut at its commas."""
    text = name.partition("(")[2].removesuffix(")")
    arguments: list[str] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        if token[0] == "," and not depth:
            arguments.append(text[start : token.start()].strip())
            start = token.end()
        depth += {"(": 1, ")": -1}.get(token[0], 0)
    return [*arguments, text[start:].strip()] if text else []
