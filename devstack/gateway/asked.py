"""What a request asks: its URL, its headers and a form, in ClickHouse's own terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
#: Parameters that are refused, and why.
_REFUSED: Final = {
    "role": "roles are fixed for each user and cannot be changed (chDB has none)",
    "user": "credentials are only taken from headers",
    "password": "credentials are only taken from headers",
}
_PARAM: Final = re.compile(r"param_[A-Za-z0-9_$]+")
_QUERY_ID: Final = re.compile(r"[!-~]{1,256}")


@dataclass(slots=True)
class Asked:
    """What a request asks for.

    ``query``: the part of the SQL that is not in a plain body. ``wait_for_end``: hold the result until it is whole;
    None if it does not say. ``encoding``: of the answer. ``frames``: the answer comes in ClickHouse's own compressed
    frames. ``body_frames``: the body does. ``revision``: of the Native format.
    """

    query: bytes = b""
    database: str = ""
    output: str = "TabSeparated"
    query_id: str = ""
    compresses: bool = False
    encoding: str | None = None
    frames: bool = False
    body_frames: bool = False
    revision: int = 0
    wait_for_end: bool | None = None
    progress: bool = False
    session: str = ""
    session_check: bool = False
    session_timeout_s: float = 60.0
    settings: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)


def _plain(_: str, text: str) -> str:
    return text


def _flag(_: str, text: str) -> bool:
    return text.lower() in ("1", "true")


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ClickHouseError(BAD_ARGUMENTS, f"{name} is a number of at most nine digits, not {text[:20]!r}")
    return int(text)


def _checked_id(_: str, text: str) -> str:
    if text and not _QUERY_ID.fullmatch(text):
        raise ClickHouseError(BAD_ARGUMENTS, "A query_id has 1 to 256 printable ASCII characters and no blanks")
    return text


#: Parameters that are no settings: the field, and how its text is read.
_FIELDS: Final[dict[str, tuple[str, Callable[[str, str], object]]]] = {
    "database": ("database", _plain),
    "default_format": ("output", _plain),
    "query_id": ("query_id", _checked_id),
    "compress": ("frames", _flag),
    "decompress": ("body_frames", _flag),
    "enable_http_compression": ("compresses", _flag),
    "client_protocol_version": ("revision", _number),
    "wait_end_of_query": ("wait_for_end", _flag),
    "send_progress_in_http_headers": ("progress", _flag),
    "session_id": ("session", _plain),
    "session_check": ("session_check", _flag),
    "session_timeout": ("session_timeout_s", _number),
}


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
        if not name:
            continue
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
        query_id=_checked_id("", headers.get("x-clickhouse-query-id", "")),
    )
    for name, value in query.items():
        add(asked, name, value)
    if asked.compresses:
        asked.encoding = compression.choose(headers.get("accept-encoding", ""))
    return asked


def add(asked: Asked, name: str, value: bytes) -> None:
    """Add one parameter of the URL, or one field of a form.

    Raises:
        ClickHouseError: a value that is no text, or that this gateway does not take.
    """
    if name == "query":
        asked.query += value
        return
    text = _text(f"the parameter {name}", value)
    if name.startswith("param_"):
        if not _PARAM.fullmatch(name):
            raise ClickHouseError(BAD_ARGUMENTS, f"{name!r} is not the name of a parameter")
        asked.params[name.removeprefix("param_")] = text
    elif name in _REFUSED:
        raise ClickHouseError(ACCESS_DENIED, f"{name}: {_REFUSED[name]}")
    elif name in _FIELDS:
        field_name, convert = _FIELDS[name]
        if text or field_name == "session":
            setattr(asked, field_name, convert(name, text))
    elif name not in _WITHOUT_EFFECT:
        asked.settings[name] = text


def _text(what: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ClickHouseError(BAD_ARGUMENTS, f"{what} is not UTF-8") from error
