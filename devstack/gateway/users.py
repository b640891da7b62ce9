"""Who may do what: the gateway's users, their roles, and how a request names its user.

chDB itself knows neither users nor grants (it ignores ``?user=``), so this is the only guard.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from devstack.gateway.errors import ACCESS_DENIED, AUTHENTICATION_FAILED, ClickHouseError
from polyglot.clickhouse.sqltext import Statement
from polyglot.config import settings

Role = Literal["reader", "writer", "admin"]

_READ = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "FROM", "("})
_WRITE = _READ | {"INSERT"}


class User(BaseModel):
    """A password and what its holder may do: read, also insert, or everything."""

    password: SecretStr
    role: Role = "reader"


class GatewaySettings(BaseSettings):
    """``POLYGLOT_GATEWAY__USERS='{"ann": {"password": "…", "role": "reader"}}'`` adds users.

    The user of ``polyglot.config`` (section clickhouse) is always there, as admin: the jobs and the migrations.
    """

    model_config = SettingsConfigDict(env_prefix="POLYGLOT_GATEWAY__")

    users: dict[str, User] = {}
    max_memory_bytes: int = 1_500_000_000
    max_query_memory_bytes: int = 1_000_000_000
    max_result_bytes: int = 256_000_000
    workers: int = 8

    def all_users(self) -> dict[str, User]:
        """Return every user by name."""
        clickhouse = settings().clickhouse
        return {clickhouse.username: User(password=clickhouse.password, role="admin"), **self.users}


def credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str]:
    """Return user and password from X-ClickHouse headers, basic authentication or the URL, in this order.

    Raises ClickHouseError (516) if there are none, or two kinds at once, as ClickHouse does.
    """
    given: list[tuple[str, str]] = []
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        given.append((headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")))
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ClickHouseError(AUTHENTICATION_FAILED, "Invalid HTTP Basic credentials") from error
        given.append((user, password))
    elif scheme:
        raise ClickHouseError(AUTHENTICATION_FAILED, f"Authentication scheme {scheme} is not supported")
    if "user" in query or "password" in query:
        given.append((query.get("user", "default"), query.get("password", "")))
    if len(given) > 1:
        raise ClickHouseError(AUTHENTICATION_FAILED, "Use one kind of credentials: header, basic or URL")
    if not given:
        raise ClickHouseError(AUTHENTICATION_FAILED, "No credentials: use X-ClickHouse-User, basic or ?user=")
    return given[0]


def authenticate(users: Mapping[str, User], name: str, password: str) -> Role:
    """Return the user's role; raise ClickHouseError (516) without telling which of the two was wrong."""
    user = users.get(name)
    expected = user.password.get_secret_value() if user else ""
    if not hmac.compare_digest(expected.encode(), password.encode()) or user is None:
        text = f"{name}: Authentication failed: password is incorrect, or there is no user with such name"
        raise ClickHouseError(AUTHENTICATION_FAILED, text)
    return user.role


def authorize(role: Role, statement: Statement, denied_functions: frozenset[str]) -> None:
    """Raise ClickHouseError (497) unless ``role`` may run ``statement``.

    ``denied_functions`` reach beyond the database (files, URLs, other servers); only an admin may call them. The engine
    enforces the same a second time where it can: readers run with readonly=1, writers with allow_ddl=0.
    """
    if statement.has_more:
        raise ClickHouseError(62, "Syntax error (Multi-statements are not allowed)")
    if statement.forbidden:
        raise ClickHouseError(ACCESS_DENIED, f"{statement.forbidden} is not allowed over HTTP")
    if role == "admin":
        return
    allowed = _READ if role == "reader" else _WRITE
    if statement.keyword not in allowed:
        raise ClickHouseError(ACCESS_DENIED, f"Not enough privileges: a {role} may not run {statement.keyword}")
    reached = statement.functions & denied_functions
    if reached:
        text = f"Not enough privileges: a {role} may not call {', '.join(sorted(reached))}"
        raise ClickHouseError(ACCESS_DENIED, text)
