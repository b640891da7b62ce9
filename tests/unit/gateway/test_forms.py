"""Forms as real clients write them, with tables; forms that are cut or crafted."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections.abc import Callable
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.filepost import encode_multipart_formdata

from devstack.gateway.errors import ClickHouseError
from devstack.gateway.forms import ExternalTable, Form, parse_form

TYPE = "multipart/form-data; boundary=b"

#: What Go's mime/multipart writes for clickhouse-go (createRequestWithExternalTables), whose files have no file name.
GO = (
    b'--b\r\nContent-Disposition: form-data; name="ids"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'
    b"\x01\x01\x02id\x05UInt8\x07\r\n"
    b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT * FROM ids\r\n--b--\r\n'
)
#: What `curl -F 'query=SELECT 1' -F 'ids=@ids.tsv;type=text/plain'` writes.
CURL = (
    b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="ids"; filename="ids.tsv"\r\nContent-Type: text/plain\r\n\r\n'
    b"1\n2\n\r\n--b--\r\n"
)


def part(head: str, content: bytes = b"x") -> bytes:
    return b"--b\r\nContent-Disposition: form-data" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def file(name: str, content: bytes = b"1\n") -> bytes:
    return part(f'; name="{name}"; filename="{name}"', content)


def test_the_form_of_clickhouse_go() -> None:
    url = {"database": "d", "ids_format": "Native", "ids_structure": "id UInt8"}
    table = ExternalTable("ids", "id UInt8", "Native", b"\x01\x01\x02id\x05UInt8\x07")
    assert parse_form(TYPE, GO, url) == Form({"query": "SELECT * FROM ids"}, [table])


def test_the_form_of_curl() -> None:
    table = ExternalTable("ids", "_1 UInt8, _2 Array(Tuple(String, UInt8))", "TabSeparated", b"1\n2\n")
    assert parse_form(TYPE, CURL, {"ids_types": "UInt8,Array(Tuple(String, UInt8))"}) == Form(
        {"query": "SELECT 1"}, [table]
    )


def test_the_form_of_clickhouse_connect() -> None:
    """By driver/external.py and urllib3: types of the fields, columns without blanks after commas."""
    fields = {
        "ids": ("ids.csv", b"a,1\r\n", "application/octet-stream"),
        "query": (None, "SELECT 'ä'"),
        "param_x": (None, "1"),
    }
    body, kind = encode_multipart_formdata(fields)
    url = dict(parse_qsl("ids_format=CSV&ids_structure=a+String,b+UInt8"))
    form = parse_form(kind, body, url)
    assert form.fields == {"query": "SELECT 'ä'", "param_x": "1"}
    assert form.tables == [ExternalTable("ids", "a String,b UInt8", "CSV", b"a,1\r\n")]


def test_fields_may_describe_tables_and_come_after_them() -> None:
    body = file("t") + part('; name="t_structure"', b"a UInt8") + part('; name="t_format"', b"CSV")
    body += part('; name="max_threads"', b"1") + part('; name="other_format"', b"CSV") + b"--b--"
    form = parse_form(TYPE, body, {})
    assert form.fields == {"max_threads": "1", "other_format": "CSV"}
    assert form.tables == [ExternalTable("t", "a UInt8", "CSV", b"1\n")]


def test_the_url_goes_before_fields() -> None:
    body = file("t") + part('; name="t_structure"', b"a UInt8") + b"--b--"
    assert parse_form(TYPE, body, {"t_structure": "b UInt8"}).tables[0].structure == "b UInt8"


def test_a_file_without_a_name_is_data() -> None:
    assert parse_form(TYPE, part("; filename=x") + b"--b--", {"_data_types": "UInt8"}).tables[0].name == "_data"


def test_queries_are_joined_and_fields_without_a_name_dropped() -> None:
    body = part('; name="query"', b"SELECT ") + part('; name="query"', b"1") + part("") + b"--b\r\n\r\nx\r\n--b--"
    assert parse_form(TYPE, body, {}) == Form({"query": "SELECT 1"}, [])


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"preamble\r\n--b \t\r\ncontent-disposition:form-data;NAME=query\r\n\r\nx\r\n--b--epilogue", "x"),
        (b'--b\r\nA: b\r\nContent-Disposition: form-data;\r\n name="query"\r\n\r\n\r\n--b--', ""),
        (b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n--b--', ""),
        (
            b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n\r\n\r\nx\n--b--\r\r\n--b--',
            "\r\n\r\nx\n--b--\r",
        ),
        (b"--b\r\nContent-Disposition: form-data; name*=utf-8''query\r\n\r\nx\r\n--b--", "x"),
        (b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n\xff\r\n--b--', "\udcff"),
    ],
)
def test_what_the_grammar_allows(body: bytes, content: str) -> None:
    assert parse_form(TYPE, body, {}).fields == {"query": content}


@settings(max_examples=50)
@given(
    fields=st.dictionaries(st.from_regex(r"[a-z]{1,20}", fullmatch=True), st.text(st.characters(codec="utf-8"))),
    tables=st.dictionaries(st.from_regex(r"[a-z]{1,20}", fullmatch=True), st.binary()),
)
def test_what_httpx_writes_is_read(fields: dict[str, str], tables: dict[str, bytes]) -> None:
    files = [
        *((name, (None, text)) for name, text in fields.items()),
        *((name, (name, data)) for name, data in tables.items()),
    ]
    request = httpx.Request("POST", "http://localhost", files=files or [("query", (None, ""))])
    form = parse_form(request.headers["content-type"], request.read(), {f"{name}_types": "String" for name in tables})
    assert form.fields == (fields if files else {"query": ""})
    assert {table.name: table.data for table in form.tables} == tables


@pytest.mark.parametrize("structure", [
    "a UInt8",
    " a UInt8 ,\n`b c` Array(Tuple(x String, y Decimal(3, 2))), \"d\" Enum8('a,(\\'' = -1)\t",
    "a DateTime64(3, 'Europe/Berlin'), b Nullable(String), c Enum8('é' = 1)",
    "a JSON(b.c UInt8, SKIP d)",
])  # fmt: skip
def test_columns_stay_as_they_are(structure: str) -> None:
    assert parse_form(TYPE, file("t") + b"--b--", {"t_structure": structure}).tables[0].structure == structure


@pytest.mark.parametrize("structure", [
    "a", "UInt8, b UInt8", "a UInt8,", ",", " ", "a UInt8;", "a UInt8; DROP TABLE t", "a UInt8 -- x", "a UInt8 /* x */",
    "a UInt8 # x", "a UInt8 DEFAULT file('x')", "a UInt8 ALIAS 1", "a Array(UInt8", "a Array(UInt8))", "(a UInt8)",
    "a\u00a0UInt8", "ä UInt8", "a UInt8 (1) (2)", "`a\\` UInt8, b` UInt8", "`a`` UInt8", "a Enum('x = 1)",
    "a \u2018b\u2019 UInt8",
    "a `UInt8`", "a 'UInt8'", "a UInt8 = 1", "a {x:Identifier}", "a $$UInt8$$", "a UInt8\x00", "* UInt8",
])  # fmt: skip
def test_what_is_no_list_of_columns_is_an_error(structure: str) -> None:
    with pytest.raises(ClickHouseError, match="parsing table structure") as error:
        parse_form(TYPE, file("t") + b"--b--", {"t_structure": structure})
    assert error.value.code == 36


@pytest.mark.parametrize("types", ["a UInt8", "UInt8,", "`UInt8`", "UInt8 DEFAULT 1", "Array(UInt8"])
def test_what_is_no_list_of_types_is_an_error(types: str) -> None:
    with pytest.raises(ClickHouseError, match="parsing table structure"):
        parse_form(TYPE, file("t") + b"--b--", {"t_types": types})


@pytest.mark.parametrize(
    ("code", "kind", "body", "message"),
    [
        (36, "multipart/form-data", GO, "needs a boundary"),
        (36, "multipart/form-data; boundary=", GO, "needs a boundary"),
        (36, "multipart/form-data; boundary=" + "b" * 71, GO, "needs a boundary"),
        (36, "multipart/form-data; boundary=\xe4", GO, "needs a boundary"),
        (36, TYPE, b"", "No boundary line"),
        (36, TYPE, b"x--b\r\n", "No boundary line"),
        (36, TYPE, b"--bc\r\n\r\n--b--", "boundary line"),
        (36, TYPE, b"--b", "boundary line"),
        (36, TYPE, b"--b\r\nContent-Disposition: form-data", "Headers"),
        (36, TYPE, b"--b\r\nX: " + b"x" * 10_000 + b"\r\n\r\n\r\n--b--", "Headers"),
        (33, TYPE, GO[: GO.index(b"--b--")], "no last boundary"),
        (36, TYPE, part('; name="a"') * 2 + b"--b--", "Form field a is given twice"),
        (57, TYPE, file("t") * 2 + b"--b--", "External table t is given twice"),
        (36, TYPE, file("x") + b"--b--", "neither x_structure nor x_types"),
        (36, TYPE, file("t`; DROP") + b"--b--", "not a plain identifier"),
        (36, TYPE, file("ä") + b"--b--", "not a plain identifier"),
        (36, TYPE, file("t" * 129) + b"--b--", "not a plain identifier"),
        (73, TYPE, file("f") + b"--b--", "Unknown format A B"),
        (290, TYPE, part("") * 1001 + b"--b--", "more than 1000 parts"),
        (290, TYPE, file("l") + b"--b--", "70000 characters"),
    ],
)
def test_what_is_no_form_is_an_error(code: int, kind: str, body: bytes, message: str) -> None:
    url = {"t_types": "UInt8", "f_types": "UInt8", "f_format": "A B", "l_structure": "a UInt8 " * 8_750}
    with pytest.raises(ClickHouseError, match=message) as error:
        parse_form(kind, body, url)
    assert error.value.code == code


HEADS = st.lists(st.sampled_from([
    "name", "filename", "form-data", "*", "*0", "*0*", "*99=", "=", ";", '"', "'", "\\", "utf-8''", "x'y", "%41", "%",
    "\r\n ", "\r\n", "Content-Disposition:", "\0", "\x85", "\u2028", "ä", " ", "t", "--b",
])).map("".join)  # fmt: skip


@settings(max_examples=300)
@given(head=HEADS, content=st.text(max_size=20))
def test_crafted_headers_are_read_or_refused(head: str, content: str) -> None:
    body = b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content.encode() + b"\r\n--b--"
    with contextlib.suppress(ClickHouseError):
        parse_form(TYPE, body, {"t_types": "UInt8"})


def processor_time(work: Callable[[], object]) -> float:
    """Return the least of five runs' seconds of this process's own: other processes do not count."""
    times = []
    for _ in range(5):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Eight times the size may take thirty times as long, and a little that does not grow; quadratic work takes 64."""
    assert processor_time(lambda: work(8 * size)) < 30 * processor_time(lambda: work(size)) + 0.02


def test_many_parts_of_a_query_take_linear_time() -> None:
    def parse(parts: int) -> None:
        body = part('; name="query"', b"x" * 20_000) * parts + b"--b--"
        assert len(parse_form(TYPE, body, {}).fields["query"]) == 20_000 * parts

    assert_linear(parse, 100)


@pytest.mark.parametrize("filler", [b"\r\n", b"\r\n--", b"\n--b", b"-", b"b"])
def test_a_large_body_takes_linear_time_and_one_copy(filler: bytes) -> None:
    def parse(size: int) -> None:
        parse_form(TYPE, file("t", filler * size) + b"--b--", {"t_types": "String"})

    assert_linear(parse, 100_000)
    content = filler * (8_000_000 // len(filler))
    body = file("t", content) + b"--b--"
    tracemalloc.start()
    table = parse_form(TYPE, body, {"t_types": "String"}).tables[0]
    assert tracemalloc.get_traced_memory()[1] < 9_000_000
    tracemalloc.stop()
    assert table.data == content


@pytest.mark.parametrize("unit", ["a Array(", "'", "'\\", "`", "a UInt8,"])
def test_crafted_columns_take_linear_time(unit: str) -> None:
    def parse(size: int) -> None:
        with pytest.raises(ClickHouseError):
            parse_form(TYPE, file("t") + b"--b--", {"t_structure": unit * (size // len(unit))})

    assert_linear(parse, 8_000)
