"""ClickHouse's HTTP interface, without a server: what a request asks, what a response says."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from polyglot.clickhouse import codecs
from devstack.gateway.errors import ACCESS_DENIED, NOT_IMPLEMENTED, ClickHouseError

#: Parameters of the URL that are no settings. Sessions are accepted and ignored: a request has a handle of its own.
_RESERVED: Final = frozenset(
    {
        "query",
        "database",
        "default_format",
        "user",
        "password",
        "query_id",
        "quota_key",
        "session_id",
        "session_timeout",
        "session_check",
        "session_timezone_check",
        "buffer_size",
        "wait_end_of_query",
        "client_protocol_version",
        "stacktrace",
        "enable_http_compression",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
    }
)

_CONTENT_TYPES: Final = {
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
}


@dataclass(slots=True)
class Asked:
    """What the URL, the headers and a form say.

    ``query`` is the part of the SQL that is not in a plain body; ``encoding`` compresses the answer.
    """

    query: str = ""
    database: str = ""
    output: str = "TabSeparated"
    query_id: str = ""
    encoding: str | None = None
    settings: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)


def parse(query: Mapping[str, str], headers: Mapping[str, str]) -> Asked:
    """Read the URL's parameters and ClickHouse's own headers; raise ClickHouseError for what is not supported."""
    compress = query.get("enable_http_compression", "0").lower() in ("1", "true")
    asked = Asked(
        query=query.get("query", ""),
        database=query.get("database") or headers.get("x-clickhouse-database", ""),
        output=query.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        query_id=query.get("query_id") or headers.get("x-clickhouse-query-id", ""),
        encoding=codecs.choose(headers.get("accept-encoding", "")) if compress else None,
    )
    for name, value in query.items():
        if name.startswith("param_"):
            asked.params[name.removeprefix("param_")] = value
        elif name == "role":
            raise ClickHouseError(ACCESS_DENIED, "Roles are fixed for each user and cannot be changed")
        elif name in ("compress", "decompress"):
            if value.lower() not in ("0", "false"):
                text = f"?{name}=1 (ClickHouse's own block compression); use Content-Encoding and Accept-Encoding"
                raise ClickHouseError(NOT_IMPLEMENTED, f"Not supported: {text}")
        elif name not in _RESERVED:
            asked.settings[name] = value
    return asked


def add_form(asked: Asked, content_type: str, body: bytes) -> None:
    """Add the fields of a multipart form (query and parameters that are too long for a URL) to ``asked``."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.get_filename() is not None or not isinstance(content, bytes):
            raise ClickHouseError(NOT_IMPLEMENTED, "External data tables are not supported")
        if name == "query":
            asked.query += content.decode()
        elif isinstance(name, str) and name.startswith("param_"):
            asked.params[name.removeprefix("param_")] = content.decode()
        else:
            raise ClickHouseError(NOT_IMPLEMENTED, f"Form field {name!r} is not supported")


def content_type(output: str) -> str:
    """Return the Content-Type that ClickHouse sends with an output format."""
    return _CONTENT_TYPES.get(output.lower(), "text/plain; charset=UTF-8")


def failure_trailer(tag: str, message: str) -> bytes:
    """Return the end of a body whose query failed after the headers had gone.

    Clients that know ClickHouse look for ``tag``, the value of X-ClickHouse-Exception-Tag.
    """
    text = message.encode()
    marker = b"__exception__\r\n"
    return b"\r\n" + marker + tag.encode() + b"\r\n" + text + b"\n%d " % len(text) + tag.encode() + b"\r\n" + marker
