"""What a request asks: parameters of its URL, its headers, the fields of a form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.asked import Asked, add, read, split_query
from devstack.gateway.errors import ClickHouseError


def ask(url=b"", **headers):
    return read(split_query(url), {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", {}),
        (b"a=1&b=2", {"a": b"1", "b": b"2"}),
        (b"a=1&a=2", {"a": b"2"}),
        (b"a", {"a": b""}),
        (b"a=b=c", {"a": b"b=c"}),
        (b"&&a=1&", {"a": b"1"}),
        (b"=1", {}),
        (b"a=x+y%2B%20z", {"a": b"x y+ z"}),
        (b"a%5Fb=%e2%82%ac", {"a_b": "€".encode()}),
        (b"a=%zz%", {"a": b"%zz%"}),
        (b"a=%ff%00", {"a": b"\xff\x00"}),
        (b"a=1;b=2", {"a": b"1;b=2"}),
    ],
)
def test_a_url_is_split_into_parameters(text, found):
    assert split_query(text) == found


@given(values=st.dictionaries(st.text("abc_é", min_size=1), st.binary(max_size=9), max_size=5))
def test_whatever_is_percent_encoded_comes_back(values):
    text = b"&".join(
        b"".join(b"%%%02x" % byte for byte in name.encode()) + b"=" + b"".join(b"%%%02X" % byte for byte in value)
        for name, value in values.items()
    )
    assert split_query(text) == values


@pytest.mark.parametrize("text", [b"%ff=1", b"\xff", b"&".join([b"a"] * 1001)])
def test_a_url_that_cannot_be_read(text):
    with pytest.raises(ClickHouseError) as error:
        split_query(text)
    assert error.value.code == 36


def test_a_thousand_parameters_can():
    assert len(split_query(b"&".join(b"a%d" % i for i in range(1000)))) == 1000


@pytest.mark.parametrize(
    ("url", "field", "value"),
    [
        (b"query=SELECT+1", "query", b"SELECT 1"),
        (b"query=%ff", "query", b"\xff"),
        (b"database=d", "database", "d"),
        (b"default_format=JSON", "output", "JSON"),
        (b"default_format=", "output", "TabSeparated"),
        (b"query_id=a-1", "query_id", "a-1"),
        (b"compress=1", "frames", True),
        (b"compress=0", "frames", False),
        (b"compress=TRUE", "frames", True),
        (b"decompress=1", "body_frames", True),
        (b"client_protocol_version=54460", "revision", 54460),
        (b"wait_end_of_query=1", "wait_for_end", True),
        (b"wait_end_of_query=0", "wait_for_end", False),
        (b"", "wait_for_end", None),
        (b"send_progress_in_http_headers=1", "progress", True),
        (b"session_id=s", "session", "s"),
        (b"session_check=1", "session_check", True),
        (b"session_timeout=90", "session_timeout_s", 90),
        (b"max_threads=2&extremes=1", "settings", {"max_threads": "2", "extremes": "1"}),
        (b"param_a=%c3%a4&param_b_1=x", "params", {"a": "ä", "b_1": "x"}),
    ],
)
def test_every_parameter(url, field, value):
    asked = ask(url)
    assert getattr(asked, field) == value
    # Nothing else changes: what has a meaning here is no setting of the engine's.
    setattr(asked, field, getattr(Asked(), field))
    assert asked == Asked()


@pytest.mark.parametrize(
    "name",
    ["quota_key", "buffer_size", "stacktrace", "http_headers_progress_interval_ms", "close_session"],
)
def test_what_has_no_effect_here_is_no_setting(name):
    assert ask(name.encode() + b"=1") == Asked()


@pytest.mark.parametrize("url", [b"role=admin", b"user=ann", b"password=x"])
def test_nobody_becomes_another(url):
    with pytest.raises(ClickHouseError) as error:
        ask(url)
    assert error.value.code == 497


@pytest.mark.parametrize("query_id", ["x" * 256, "!~", "a/b:c"])
def test_query_ids_that_a_header_can_carry(query_id):
    assert ask(b"query_id=" + query_id.encode()).query_id == query_id
    assert ask(x_clickhouse_query_id=query_id).query_id == query_id


@pytest.mark.parametrize("query_id", ["a\r\nb", "a\n", "\r\nX: y", "€", "a b", "a\x00", "\x7f", "x" * 257, "a\tb"])
def test_query_ids_that_would_break_an_answer(query_id):
    encoded = "".join(f"%{byte:02x}" for byte in query_id.encode()).encode()
    for given_ in ({"url": b"query_id=" + encoded}, {"x_clickhouse_query_id": query_id}):
        with pytest.raises(ClickHouseError) as error:
            ask(**given_)
        assert error.value.code == 36
        assert str(error.value).isascii()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["client_protocol_version", "session_timeout"])
@pytest.mark.parametrize("value", ["-1", "1.5", "1e3", "0x1", "1234567890", "\u0663", "1 ", "x" * 1000])
def test_numbers_are_numbers(name, value):
    encoded = "".join(f"%{byte:02x}" for byte in value.encode())
    with pytest.raises(ClickHouseError) as error:
        ask(f"{name}={encoded}".encode())
    assert error.value.code == 36
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("name", ["param_", "param_a-b", "param_a%20b", "param_%c3%a4", "param_a%3d1,readonly"])
def test_parameters_have_names(name):
    with pytest.raises(ClickHouseError, match="not the name of a parameter") as error:
        ask(name.encode() + b"=1")
    assert error.value.code == 36


@pytest.mark.parametrize("name", ["session_timeout", "compress", "wait_end_of_query", "query_id", "database"])
def test_an_empty_value_says_nothing(name):
    assert ask(name.encode() + b"=") == Asked()


@pytest.mark.parametrize("name", ["database", "default_format", "session_id", "param_a", "max_threads", "query_id"])
def test_values_are_utf8(name):
    with pytest.raises(ClickHouseError, match="UTF-8") as error:
        ask(name.encode() + b"=%ff")
    assert error.value.code == 36


def test_headers_are_read_and_the_url_counts_more():
    headers = {"x_clickhouse_database": "h", "x_clickhouse_format": "CSV", "x_clickhouse_query_id": "q"}
    asked = ask(**headers)
    assert (asked.database, asked.output, asked.query_id) == ("h", "CSV", "q")
    asked = ask(b"database=u&default_format=JSON&query_id=p", **headers)
    assert (asked.database, asked.output, asked.query_id) == ("u", "JSON", "p")
    asked = ask(b"database=&default_format=&query_id=", **headers)
    assert (asked.database, asked.output, asked.query_id) == ("h", "CSV", "q")


@pytest.mark.parametrize(
    ("url", "accepts", "encoding"),
    [
        (b"", "gzip, zstd", None),
        (b"enable_http_compression=0", "gzip", None),
        (b"enable_http_compression=1", "gzip", "gzip"),
        (b"enable_http_compression=true", "gzip, zstd", "zstd"),
        (b"enable_http_compression=1", "", None),
        (b"enable_http_compression=1", "unknown", None),
    ],
)
def test_an_answer_is_compressed_where_both_sides_say_so(url, accepts, encoding):
    asked = ask(url, accept_encoding=accepts)
    assert asked.encoding == encoding
    assert asked.settings == {}


def test_fields_of_a_form_count_like_the_url():
    asked = ask(b"query=SELECT+&param_a=1&database=d")
    for name, value in [("query", b"{a:String}"), ("param_a", b"2"), ("max_threads", b"3"), ("database", b"e")]:
        add(asked, name, value)
    assert (asked.query, asked.params, asked.settings) == (b"SELECT {a:String}", {"a": "2"}, {"max_threads": "3"})
    assert asked.database == "e"
    for name in ("user", "password", "role"):
        with pytest.raises(ClickHouseError):
            add(asked, name, b"x")
