"""What a browser sends for another site's page is refused before anybody looks at its credentials."""

from __future__ import annotations

import pytest

from devstack.gateway.errors import ClickHouseError
from devstack.gateway.web import HEADERS, check


def code(headers, query=(), hosts=(), origins=()):
    try:
        check({name.lower(): value for name, value in headers.items()}, query, hosts, origins)
    except ClickHouseError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8123", "LocalHost:8123", "localhost.", "localhost.:8123", "127.0.0.1", "127.0.0.1:8123",
        "127.0.0.1.:8123", "127.9.8.7", "[::1]", "[::1]:8123", "[0:0:0:0:0:0:0:1]:1",
    ],
)  # fmt: skip
def test_loopback_by_any_of_its_names(host):
    assert code({"Host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.com", "evil.com:8123", "localhost.evil.com", "evil-localhost", "127.0.0.1.evil.com", "xlocalhost",
        "localhost@evil.com", "localhost:8123@evil.com", "evil.com, localhost", "localhost, evil.com",
        "localhost, localhost", "10.0.0.1", "0.0.0.0", "0",  # noqa: S104 - no address to listen on
        "127.1", "2130706433", "0x7f.0.0.1", "[::]", "[::2]:8123",
        "[::1", "::1", "[fe80::1%lo]", ":8123", ".", "local host", "\u0131localhost", "[v1.x]", "169.254.169.254",
    ],
)  # fmt: skip
def test_any_other_host_is_refused(host):
    assert code({"Host": host}) == 497


def test_a_request_without_host_is_refused():
    assert code({}) == 497


@pytest.mark.parametrize("host", ["db.example", "DB.example:8123", "db.example."])
def test_hosts_may_be_allowed_by_name(host):
    assert code({"Host": host}) == 497
    assert code({"Host": host}, hosts=["Db.Example"]) is None
    assert code({"Host": "x." + host}, hosts=["Db.Example"]) == 497


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.com", "null", "", "http://localhost", "http://localhost:9000", "http://127.0.0.1:8123",
        "http://localhost:8123.evil.com", "http://localhost:8123@evil.com", "file://localhost:8123", "localhost:8123",
        "ftp://localhost:8123", "http://[", "http://localhost:8123, http://evil.com", "chrome-extension://localhost:8123",
    ],
)  # fmt: skip
def test_pages_of_another_origin_may_not_ask(origin):
    assert code({"Host": "localhost:8123", "Origin": origin}) == 497


@pytest.mark.parametrize("origin", ["http://localhost:8123", "https://localhost:8123", "http://LOCALHOST:8123"])
def test_pages_of_the_same_origin_may(origin):
    assert code({"Host": "localhost:8123", "Origin": origin}) is None


def test_a_rebound_name_is_no_origin_of_its_own():
    assert code({"Host": "evil.com:8123", "Origin": "http://evil.com:8123"}) == 497


def test_origins_may_be_allowed_exactly():
    headers = {"Host": "localhost:8123", "Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    assert code(headers) == 497
    assert code(headers, origins=["https://app.example"]) is None
    assert code({**headers, "Origin": "https://app.example:1"}, origins=["https://app.example"]) == 497
    assert code({**headers, "Origin": "null"}, origins=["https://app.example"]) == 497


@pytest.mark.parametrize(
    ("site", "said"),
    [
        ("none", None),
        ("same-origin", None),
        ("same-site", 497),
        ("cross-site", 497),
        ("", 497),
        ("none, cross-site", 497),
    ],
)
def test_where_the_browser_says_that_the_request_comes_from(site, said):
    assert code({"Host": "localhost", "Sec-Fetch-Site": site}) == said


@pytest.mark.parametrize("kind", ["text/plain", "text/plain;charset=UTF-8", "TEXT/Plain ; x", " text/plain"])
def test_browsers_may_not_post_what_needs_no_preflight(kind):
    headers = {"Host": "localhost", "Content-Type": kind}
    assert code({**headers, "Sec-Fetch-Site": "same-origin"}) == 497
    assert code(headers) is None, "curl and drivers send it, too"
    assert code({"Host": "localhost", "Sec-Fetch-Site": "none", "Content-Type": "application/json"}) is None


@pytest.mark.parametrize("query", [["user"], ["password"], ["query", "password"]])
def test_credentials_in_the_url_are_refused(query):
    assert code({"Host": "localhost"}, query) == 516
    assert code({"Host": "evil.com"}, query) == 497, "a page does not learn what it did wrong"


def test_every_answer_keeps_other_sites_out():
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["X-Frame-Options"] == "DENY"
    assert HEADERS["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not any(name.lower().startswith("access-control") for name in HEADERS)
