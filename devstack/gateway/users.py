"""Who asks: the gateway's users from a file, and how a request names its user.

chDB itself knows neither users nor grants (it ignores ``?user=``), so this and `policy` are the guard.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from devstack.gateway.errors import AUTHENTICATION_FAILED, ClickHouseError
from devstack.gateway.kinds import Role


class UsersError(ValueError):
    """The users cannot be read, or anybody can read them."""


class User(BaseModel):
    """A password and what its holder may do: read, also insert, or everything that the gateway allows."""

    password: SecretStr
    role: Role = "reader"


class _Environment(BaseSettings):
    """``POLYGLOT_GATEWAY__USERS='{"ann": {"password": "…", "role": "reader"}}'``, where no file can be had."""

    model_config = SettingsConfigDict(env_prefix="POLYGLOT_GATEWAY__", extra="ignore")

    users: dict[str, User] = {}


def load(file: Path | None) -> dict[str, User]:
    """Return the users of ``file`` (JSON: name → password and role) and of the environment.

    Raises:
        UsersError: the file is not there, is not that, can be read by others, or there is no user at all.
    """
    users = _Environment().users
    if file is not None:
        try:
            if file.stat().st_mode & 0o077:
                raise UsersError(f"{file} can be read by others: chmod 600 {file}")
            users = {**users, **TypeAdapter(dict[str, User]).validate_json(file.read_bytes())}
        except (OSError, ValidationError) as error:
            raise UsersError(f"the users in {file} cannot be read: {error}") from error
    if not users:
        raise UsersError("there is no user: name a file with --users")
    if any(not user.password.get_secret_value() for user in users.values()):
        raise UsersError("a user has an empty password")
    os.environ.pop("POLYGLOT_GATEWAY__USERS", None)  # no child process inherits it
    return users


def credentials(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return user and password from X-ClickHouse headers or basic authentication.

    Raises:
        ClickHouseError: there are none, or both (516).
    """
    given: list[tuple[str, str]] = []
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        given.append((_utf8(headers.get("x-clickhouse-user", "default")), _utf8(headers.get("x-clickhouse-key", ""))))
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError as error:  # of base64, of ASCII and of UTF-8
            raise ClickHouseError(AUTHENTICATION_FAILED, "Invalid HTTP Basic credentials") from error
        given.append((user, password))
    elif scheme:
        raise ClickHouseError(AUTHENTICATION_FAILED, f"Authentication scheme {scheme[:40]!r} is not supported")
    if len(set(given)) > 1:
        raise ClickHouseError(AUTHENTICATION_FAILED, "Two kinds of credentials that differ")
    if not given:
        raise ClickHouseError(AUTHENTICATION_FAILED, "No credentials: use X-ClickHouse-User or basic authentication")
    return given[0]


def _utf8(header: str) -> str:
    """Return a header's text as UTF-8 where it is that: HTTP reads it as Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def authenticate(users: Mapping[str, User], name: str, password: str) -> Role:
    """Return the user's role; raise ClickHouseError (516) without telling which of the two was wrong."""
    user = users.get(name)
    expected = user.password.get_secret_value() if user else ""
    if not hmac.compare_digest(expected.encode(), password.encode()) or user is None:
        text = "Authentication failed: password is incorrect, or there is no user with such name"
        raise ClickHouseError(AUTHENTICATION_FAILED, f"{_printable(name)}: {text}")
    return user.role


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:100])
