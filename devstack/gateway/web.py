"""Web pages are no clients: what a browser sends for another site is refused before its credentials are looked at.

A page that a user happens to visit can make the browser ask 127.0.0.1. Three things give it away: the name in ``Host``
(DNS rebinding), ``Origin``, and ``Sec-Fetch-Site``, which no script can set.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from devstack.gateway.errors import ACCESS_DENIED, AUTHENTICATION_FAILED, ClickHouseError

_LOOPBACK: Final = "localhost"
#: For every answer: not for frames, not to be guessed at, not to be read by other sites' pages.
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def check(
    headers: Mapping[str, str], query: Collection[str], hosts: Collection[str] = (), origins: Collection[str] = ()
) -> None:
    """Refuse what another site's page may have sent, and credentials in the URL, which end up in logs and histories.

    ``hosts``: names beside loopback's that ``Host`` may have. ``origins``: web pages that may ask.

    Raises:
        ClickHouseError: 497 for a page, 516 for credentials in the URL.
    """
    if not _is_known_host(headers.get("host", ""), hosts):
        raise ClickHouseError(ACCESS_DENIED, "The Host header names neither loopback nor an allowed host")
    origin = headers.get("origin")
    allowed = origin is not None and origin in origins
    if origin is not None and not allowed and not _is_same(origin, headers.get("host", "")):
        raise ClickHouseError(
            ACCESS_DENIED, f"Web pages of {origin[:200]!r} may not ask (POLYGLOT_GATEWAY__ALLOWED_ORIGINS)"
        )
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not allowed:
        raise ClickHouseError(ACCESS_DENIED, "Web pages of other sites may not ask")
    if "sec-fetch-site" in headers and headers.get("content-type", "").split(";")[0].strip().lower() == "text/plain":
        raise ClickHouseError(ACCESS_DENIED, "Browsers may not post text/plain")
    if "user" in query or "password" in query:
        text = "Credentials in the URL are refused: use basic authentication, or X-ClickHouse-User and X-ClickHouse-Key"
        raise ClickHouseError(AUTHENTICATION_FAILED, text)


def _is_known_host(host: str, hosts: Collection[str]) -> bool:
    name = _name(host)
    if name in (_LOOPBACK, *map(str.lower, hosts)):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
