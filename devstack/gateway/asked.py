"""What a request asks: its URL, its headers and a form, in ClickHouse's own terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from devstack.gateway import compression
from devstack.gateway.errors import ACCESS_DENIED, BAD_ARGUMENTS, ClickHouseError

#: Parameters that are neither settings nor what this module reads by name: accepted, without effect here.
_WITHOUT_EFFECT: Final = frozenset(
    {
        "quota_key",
        "session_timezone_check",
        "buffer_size",
        "stacktrace",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",  # what a client leaves behind is always cancelled
        "close_session",
    }
)
_CREDENTIALS: Final = frozenset({"user", "password"})
_QUERY_ID: Final = re.compile(r"[!-~]{1,256}")
_TRUE: Final = frozenset({"1", "true"})


@dataclass(slots=True)
class Asked:
    """What a request asks for.

    ``query``: the part of the SQL that is not in a plain body. ``at_once``: it said not to wait for the end. ``encoding``: of the answer. ``frames``: the answer comes
    in ClickHouse's own compressed frames. ``body_frames``: the body does. ``revision``: of the Native format.
    """

    query: bytes = b""
    database: str = ""
    output: str = "TabSeparated"
    query_id: str = ""
    encoding: str | None = None
    frames: bool = False
    body_frames: bool = False
    revision: int = 0
    wait_for_end: bool = False
    at_once: bool = False
    progress: bool = False
    session: str = ""
    session_check: bool = False
    session_timeout_s: float = 60.0
    settings: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)


def split_query(text: bytes) -> dict[str, bytes]:
    """Return the parameters of a URL's query; the last of two with one name counts.

    Raises:
        ClickHouseError: there are more than a thousand, or a name is not UTF-8.
    """
    found: dict[str, bytes] = {}
    parts = text.split(b"&") if text else []
    if len(parts) > 1000:
        raise ClickHouseError(BAD_ARGUMENTS, "The URL has more than 1000 parameters")
    for part in parts:
        name, _, value = part.replace(b"+", b" ").partition(b"=")
        found[_text("a parameter's name", unquote_to_bytes(name))] = unquote_to_bytes(value)
    return found


def read(query: Mapping[str, bytes], headers: Mapping[str, str]) -> Asked:
    """Read the URL's parameters and ClickHouse's own headers.

    Raises:
        ClickHouseError: a value that is no text, a query id that no header can carry, or a role to change to.
    """
    asked = Asked(
        database=headers.get("x-clickhouse-database", ""),
        output=headers.get("x-clickhouse-format") or "TabSeparated",
        query_id=_checked_id(headers.get("x-clickhouse-query-id", "")),
    )
    for name, value in query.items():
        add(asked, name, value)
    accepts = headers.get("accept-encoding", "")
    if asked.settings.pop("enable_http_compression", "0").lower() in _TRUE:
        asked.encoding = compression.choose(accepts)
    return asked


def add(asked: Asked, name: str, value: bytes) -> None:
    """Add one parameter of the URL, or one field of a form."""
    if name == "query":
        asked.query += value
        return
    text = _text(f"the parameter {name}", value)
    if name.startswith("param_"):
        asked.params[name.removeprefix("param_")] = text
    elif name == "database":
        asked.database = text or asked.database
    elif name == "default_format":
        asked.output = text or asked.output
    elif name == "query_id":
        asked.query_id = _checked_id(text) or asked.query_id
    elif name == "compress":
        asked.frames = text.lower() in _TRUE
    elif name == "decompress":
        asked.body_frames = text.lower() in _TRUE
    elif name == "client_protocol_version":
        asked.revision = _number(name, text)
    elif name == "wait_end_of_query":
        asked.wait_for_end = text.lower() in _TRUE
        asked.at_once = not asked.wait_for_end
    elif name == "send_progress_in_http_headers":
        asked.progress = text.lower() in _TRUE
    elif name == "session_id":
        asked.session = text
    elif name == "session_check":
        asked.session_check = text.lower() in _TRUE
    elif name == "session_timeout":
        asked.session_timeout_s = _number(name, text)
    elif name == "role":
        raise ClickHouseError(ACCESS_DENIED, "Roles are fixed for each user and cannot be changed (chDB has none)")
    elif name in _CREDENTIALS:
        raise ClickHouseError(ACCESS_DENIED, f"{name} is not taken from here: use headers")
    elif name not in _WITHOUT_EFFECT:
        asked.settings[name] = text


def _checked_id(text: str) -> str:
    if text and not _QUERY_ID.fullmatch(text):
        raise ClickHouseError(BAD_ARGUMENTS, "A query_id has 1 to 256 printable ASCII characters and no blanks")
    return text


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ClickHouseError(BAD_ARGUMENTS, f"{name} is a number of at most nine digits, not {text[:20]!r}")
    return int(text)


def _text(what: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ClickHouseError(BAD_ARGUMENTS, f"{what} is not UTF-8") from error
