"""Native blocks of the real engine at other revisions: every type, cut anywhere, and clients' own readers of them.

The oracle knows nothing of types: every column has a name that occurs once, so the place of the byte that a revision
adds is found by searching for name and type.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from types import SimpleNamespace

import pytest
from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.query import QueryContext
from clickhouse_connect.driver.transform import NativeTransform
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.gateway.errors import NOT_IMPLEMENTED, ClickHouseError
from devstack.gateway.native_revision import LATEST, Revision
from devstack.gateway.native_source import varint

GO = 54460
CONNECT = 54405
BLOCK_INFO = bytes.fromhex("010002ffffffff00")

#: Expressions over ``number``, 0 to 399, of every type there is.
COLUMNS = [
    "number % 2 = 0",
    "toInt8(number % 100)",
    "toUInt16(number)",
    "toFloat32(number)",
    "toFloat64(number)",
    "toInt128(number)",
    "toUInt256(number)",
    "toBFloat16(number)",
    "toDate(number)",
    "toDate32(number)",
    "toDateTime(number, 'Asia/Tokyo')",
    "toDateTime64(number, 3, 'Asia/Tokyo')",
    "toTime(number)",
    "toTime64(number, 3)",
    "toIntervalDay(number)",
    "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "toIPv4('1.2.3.4')",
    "toIPv6('::1')",
    *(f"CAST(number, 'Decimal({digits}, 2)')" for digits in (9, 10, 18, 19, 38, 39, 76)),
    "CAST(number % 2, 'Enum8(\\'a, (\\' = 0, \\'it\\\\\\'s\\' = 1)')",
    "CAST(number % 2, 'Enum16(\\'a)\\' = 0, \\'`\\' = 1)')",
    "toFixedString(toString(number), 7)",
    "toString(number)",
    "repeat('x', number)",
    "if(number = 7, repeat('y', 70000), repeat('z', 100 + number))",
    "NULL",
    "nullIf(number, 3)",
    "nullIf(toString(number), '3')",
    "[]",
    "range(number % 5)",
    "[[], [toString(number)], []]",
    "tuple()",
    "(number, toString(number), [number])",
    "CAST((number, 'x'), 'Tuple(`a b(` UInt8, `c``d` LowCardinality(String))')",
    "CAST((1, 2), 'Tuple(a Decimal(76, 3), b DateTime64(3, \\'UTC\\'))')",
    "map()",
    "map(toString(number), [number])",
    "CAST(map('k', 'v'), 'Map(LowCardinality(String), LowCardinality(Nullable(String)))')",
    "toLowCardinality(toString(number % 3))",
    "CAST(toString(number), 'LowCardinality(String)')",
    "CAST(nullIf(toString(number % 3), '1'), 'LowCardinality(Nullable(String))')",
    "CAST([], 'Array(LowCardinality(String))')",
    "CAST(range(number % 3), 'Array(LowCardinality(String))')",
    "CAST(if(number % 2 = 0, NULL, (1, 'x')), 'Nullable(Tuple(UInt8, String))')",
    "CAST([(1, 'x')], 'Nested(a UInt8, b String)')",
    "(1, 2)::Point",
    "[(1, 2), (3, 4)]::Ring",
    "[(1, 2), (3, 4)]::LineString",
    "[[(1, 2)]]::Polygon",
    "[[(1, 2)]]::MultiLineString",
    "[[[(1, 2)]]]::MultiPolygon",
    "if(number % 2 = 0, (1, 2)::Point::Geometry, [(1, 2)]::Ring::Geometry)",
    *(f"CAST(arrayMap(x -> x, range(9)), 'QBit({kind}, 9)')" for kind in ("BFloat16", "Float32", "Float64")),
    "CAST(number, 'Variant(UInt64, String, Array(LowCardinality(String)))')",
    "if(number % 2 = 0, NULL, 'x')::Variant(UInt8, String)",
    "[1, 'x', NULL]::Array(Variant(UInt8, String))",
    "initializeAggregation('anyLastSimpleState', number)",
    "initializeAggregation('groupUniqArrayArraySimpleState', [number])",
    "NULL::Dynamic",
    "multiIf(number % 3 = 0, number::Dynamic, number % 3 = 1, 'x'::Dynamic, [toLowCardinality('x')]::Dynamic)",
    "if(number % 2 = 0, number::Dynamic(max_types=1), 'x'::Dynamic(max_types=1))",
    "[number::Dynamic, 'x'::Dynamic]",
    "[]::Array(Dynamic)",
    "'{}'::JSON",
    'concat(\'{"a":\', toString(number), \', "b": {"c d": [1, "x"]}, "p\', toString(number % 3), \'": 1}\')::JSON',
    "concat('{\"a\":', toString(number), ', \"p', toString(number % 9), '\": 1}')::JSON(max_dynamic_paths=2)",
    "'{\"z\": 1}'::JSON(max_dynamic_paths=3, max_dynamic_types=4, z UInt8, `a b`.c String, Z.c UInt8, `SKIP` UInt8,"
    " b.a LowCardinality(String), `b`.Z Array(UInt8), `ü.x`.y UInt16, SKIP q.r, SKIP REGEXP 'x,y')",
    "if(number % 2 = 0, NULL, '{\"a\": 1}')::Nullable(JSON)",
    "['{\"a\": 1}', '{}']::Array(JSON(a LowCardinality(String)))",
    "[]::Array(JSON)",
]


#: What changes the layout of Dynamic and JSON.
SETTINGS = {
    "": "",
    "flattened": " SETTINGS output_format_native_use_flattened_dynamic_and_json_serialization = 1",
    "text": " SETTINGS output_format_native_write_json_as_string = 1",
}
#: Rows of the blocks.
SIZES = (3, 400, 0, 1)

#: The engine takes over its process's signals, so it gets one of its own. Statements in, Native in base64 out.
ENGINE = """
import base64, json, sys
from chdb.session import Session
session = Session(sys.argv[1])
answers = [session.query(sql, "Native").bytes() for sql in json.load(sys.stdin)]
print(json.dumps([base64.b64encode(answer).decode() for answer in answers]))
session.close()
"""


@dataclass
class Stream:
    """Blocks of ``SIZES`` rows with the columns ``names``; ``types`` are the full ones."""

    blocks: list[bytes]
    names: list[str]
    types: list[str]

    def at(self, revision: int, *, full: bool = False) -> bytes:
        """Return the stream at a revision, by searching for names and types."""
        blocks = list(self.blocks)
        for name, kind in zip(self.names, self.types, strict=True):
            at_0 = "DateTime" if kind.startswith("DateTime(") else kind
            header = field(name) + field(at_0)
            other = field(name) + field(kind if full else at_0) + b"\x00" * (revision >= 54454)
            assert {block.count(header) for block in blocks} == {1}, header
            blocks = [block.replace(header, other) for block in blocks]
        return b"".join(BLOCK_INFO + block for block in blocks)


def field(text: str) -> bytes:
    return varint(len(text.encode())) + text.encode()


def convert(stream: bytes, revision: int, cuts: Iterable[int] = (), types: Sequence[str] = ()) -> bytes:
    writer = Revision(revision, types)
    edges = [0, *sorted(cuts), len(stream)]
    parts = [writer.feed(stream[start:end]) for start, end in pairwise(edges)]
    writer.finish()
    return b"".join(parts)


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Stream]]:
    """Return, by the key of SETTINGS, a stream of each column and, last, one of all columns."""
    names = [f"column_{at:04}" for at in range(len(COLUMNS))]
    named = [f"{expression} AS {name}" for expression, name in zip(COLUMNS, names, strict=True)]
    lists = [*named, ", ".join(named)]
    queries = [
        f"SELECT {listed} FROM numbers({rows}){end}" for end in SETTINGS.values() for listed in lists for rows in SIZES
    ]
    ask = "SELECT toTypeName({}) FROM (SELECT {} FROM numbers(1)) FORMAT RawBLOB SETTINGS print_pretty_type_names = 0"
    queries += [ask.format(name, listed) for listed, name in zip(named, names, strict=True)]
    command = [sys.executable, "-c", ENGINE, str(tmp_path_factory.mktemp("engine"))]
    run = subprocess.run(command, input=json.dumps(queries), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    answers = [base64.b64decode(answer) for answer in json.loads(run.stdout)]
    types = [answer.decode() for answer in answers[-len(COLUMNS) :]]
    blocks = iter(answers)
    return {
        key: [
            Stream([block for block in islice(blocks, len(SIZES)) if block], chosen, kinds)
            for chosen, kinds in [
                *zip(([name] for name in names), ([kind] for kind in types), strict=True),
                (names, types),
            ]
        ]
        for key in SETTINGS
    }


@pytest.mark.parametrize("key", SETTINGS)
@pytest.mark.parametrize("revision", [CONNECT, GO, LATEST])
def test_every_type_is_walked_alone(streams: dict[str, list[Stream]], key: str, revision: int) -> None:
    for stream in streams[key]:
        assert convert(b"".join(stream.blocks), revision) == stream.at(revision), stream.types


@pytest.mark.parametrize("key", SETTINGS)
def test_streams_may_be_cut_after_every_byte(streams: dict[str, list[Stream]], key: str) -> None:
    stream = streams[key][-1]
    whole = stream.blocks[0]
    assert BLOCK_INFO + convert(whole, GO, range(1, len(whole)))[8:] == replace(stream, blocks=[whole]).at(GO)


@settings(deadline=None)
@given(data=st.data())
def test_streams_may_be_cut_anywhere(streams: dict[str, list[Stream]], data: st.DataObject) -> None:
    stream = streams[data.draw(st.sampled_from(list(SETTINGS)))][-1]
    whole = b"".join(stream.blocks)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=20))
    assert convert(whole, GO, cuts) == stream.at(GO)


def test_date_times_get_their_zones_back(streams: dict[str, list[Stream]]) -> None:
    stream = next(stream for stream in streams[""] if stream.types == ["DateTime('Asia/Tokyo')"])
    whole = b"".join(stream.blocks)
    assert convert(whole, GO, types=stream.types) == stream.at(GO, full=True)
    assert convert(whole, 54337, types=stream.types) == stream.at(54337, full=True)
    assert convert(whole, 54336, types=stream.types) == stream.at(54336)


def test_clickhouse_connect_reads_what_it_asked_for(streams: dict[str, list[Stream]]) -> None:
    def read(body: bytes, *, block_info: bool) -> list[object]:
        context = QueryContext()
        context.block_info = block_info
        source = RespBuffCls(SimpleNamespace(gen=iter([body]), close=lambda: None))
        return list(NativeTransform.parse_response(source, context).result_columns)

    for stream in streams[""][:-1]:
        whole = b"".join(stream.blocks)
        columns = read(convert(whole, CONNECT), block_info=True)
        assert columns == read(whole, block_info=False)
        assert [len(column) for column in columns] == [sum(SIZES)]


def test_the_handshake_of_clickhouse_go() -> None:
    """By lib/proto/block.go, Decode: the first answer is read at 54460, whatever the server is."""
    answer = b"\x02\x01\x0bdisplayName\x06String\x02vm\x08revision\x06UInt32\xf3\xd4\x00\x00"
    expected = BLOCK_INFO + b"\x02\x01\x0bdisplayName\x06String\x00\x02vm\x08revision\x06UInt32\x00\xf3\xd4\x00\x00"
    assert convert(answer, GO) == expected


def test_nothing_stays_nothing() -> None:
    assert convert(b"", GO) == b""


@pytest.mark.parametrize(
    "kind",
    [
        "AggregateFunction(sum, UInt64)",
        "Array(AggregateFunction(sum, UInt64))",
        "QBit(Float32, 8, 4)",
        "QBit(String, 8)",
        "Later",
        "\x15",
        "",
        "Array(" * 200 + "UInt8" + ")" * 200,
    ],
)
def test_a_type_that_cannot_be_walked_is_an_error(kind: str) -> None:
    with pytest.raises(ClickHouseError, match="in Native output") as error:
        convert(b"\x01\x01" + field("a") + field(kind), GO)
    assert error.value.code == NOT_IMPLEMENTED


def test_old_revisions_have_no_low_cardinality() -> None:
    with pytest.raises(ClickHouseError, match="before revision 54405"):
        convert(b"\x01\x01" + field("a") + field("Array(LowCardinality(String))"), 54404)


@pytest.mark.parametrize("revision", [-1, 0, LATEST + 1])
def test_unknown_revisions_are_an_error(revision: int) -> None:
    with pytest.raises(ClickHouseError, match="revisions 0 to 54472") as error:
        Revision(revision)
    assert error.value.code == NOT_IMPLEMENTED


def test_a_truncated_stream_is_an_error(streams: dict[str, list[Stream]]) -> None:
    whole = streams[""][-1].blocks[0]
    for end in range(1, len(whole), 97):
        with pytest.raises(ClickHouseError, match="truncated"):
            convert(whole[:end], GO)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xff" * 10, "too many bytes"),
        (b"\x01\x01" + varint(1 << 40), "has 1099511627776 bytes"),
        (b"\x01\x01" + field("a") + field("LowCardinality(String)") + bytes(8), "serialization 0"),
        (
            b"\x01\x01" + field("a") + field("LowCardinality(String)") + b"\x01" + bytes(7) + b"\x00\x01" + bytes(6),
            "flags 0x100",
        ),
        (
            b"\x01\x01" + field("a") + field("Dynamic") + b"\x03" + bytes(7) + varint(300) + field("UInt8") * 300,
            "300 types",
        ),
    ],
)
def test_what_the_engine_never_writes_is_an_error(body: bytes, message: str) -> None:
    with pytest.raises(ClickHouseError, match=message):
        convert(body, GO)


def test_little_is_held_of_a_column_of_any_length() -> None:
    """64 MB in a column of 8 values, as one block."""
    writer = Revision(GO)
    out = writer.feed(b"\x01\x08" + field("a") + field("String"))
    tracemalloc.start()
    for _ in range(8):
        out += writer.feed(varint(8_000_000))
        for _ in range(80):
            assert len(writer.feed(bytes(100_000))) == 100_000
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    writer.finish()
