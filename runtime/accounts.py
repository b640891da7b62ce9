"""The local ClickHouse gateway's accounts: one JSON file that only its owner reads.

`polyglot up` makes it, the gateway takes it (``--users``), clients read their password from it. It looks like
``{"polyglot": {"password": "…", "role": "admin"}, "reader": {"password": "…", "role": "reader"}}``. Accounts that
somebody added stay.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TypedDict

from runtime import secret_files
from runtime.errors import CommandError, Exit

#: The account for people and their tools; it reads and does nothing else.
READER = "reader"


def place(var: Path) -> Path:
    """Return where the stack in `var` keeps its accounts: in a folder that is for passwords only."""
    return var / "secrets" / "clickhouse.json"


class Account(TypedDict):
    """What the gateway must know of a user: reader, writer or admin, by this password."""

    password: str
    role: str


def read(path: Path) -> dict[str, Account]:
    """Return the accounts by name, none where there is no file yet.

    Raises:
        CommandError: the file belongs to somebody else, or is not what `provide` writes.
    """
    try:
        found = json.loads(path.read_bytes())
        return {name: Account(password=one["password"], role=one["role"]) for name, one in found.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except PermissionError as error:
        raise CommandError(f"{path} belongs to another user: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        hint = "delete it while the stack is down; `polyglot up` makes a new one"
        raise CommandError(f"{path} does not hold accounts: {error}", hint=hint) from error


def provide(path: Path, admin: str, password: str | None = None) -> dict[str, Account]:
    """Make sure that the file has `admin` and the reader, and return what it has then.

    `password` is the admin's; None keeps the one that is there, or makes one. Processes that do this at the same time
    end up with the same passwords.

    Raises:
        CommandError: the name or the password is none to use, or the file cannot be read.
    """
    if admin == READER:
        hint = "set POLYGLOT_CLICKHOUSE__USERNAME to another name"
        raise CommandError(f"{READER!r} is the account that only reads", hint=hint, code=Exit.USAGE)
    if password == "":
        hint = "unset POLYGLOT_CLICKHOUSE__PASSWORD, and `polyglot up` makes one"
        raise CommandError("an empty ClickHouse password would let everybody in", hint=hint, code=Exit.USAGE)
    with secret_files.alone(path.parent):
        before = read(path)
        after = {
            **before,
            admin: Account(password=password or _password(before, admin), role="admin"),
            READER: Account(password=_password(before, READER), role="reader"),
        }
        if after != before:
            secret_files.write(path, json.dumps(after, indent=2) + "\n")
        path.chmod(0o600)  # an editor may have opened it up
    return after


def _password(before: dict[str, Account], name: str) -> str:
    """Return what the account has; a new one needs no quoting in any notation."""
    return before[name]["password"] if name in before else secrets.token_hex(24)
