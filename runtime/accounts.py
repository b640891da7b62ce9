"""The local ClickHouse gateway's accounts: one JSON file that only its owner reads.

`polyglot up` makes it, the gateway takes it (``--users``), clients read their password from it. It looks like
``{"polyglot": {"password": "…", "role": "admin"}, "reader": {"password": "…", "role": "reader"}}``. Accounts that
somebody added stay.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

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
    with _alone(path.parent):
        before = read(path)
        after = {
            **before,
            admin: Account(password=password or _password(before, admin), role="admin"),
            READER: Account(password=_password(before, READER), role="reader"),
        }
        if after != before:
            _write(path, json.dumps(after, indent=2) + "\n")
        path.chmod(0o600)  # an editor may have opened it up
    return after


def _password(before: dict[str, Account], name: str) -> str:
    """Return what the account has; a new one needs no quoting in any notation."""
    return before[name]["password"] if name in before else secrets.token_hex(24)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder, which only its owner may enter, against everybody who would write into it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    # A file, as NFS locks no folders.
    with os.fdopen(os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str) -> None:
    """Replace the file in one step: it is never there half written, nor for a moment with another mode."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)  # of one that was killed: we are alone here
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # jobs run on with what is told now, whatever happens to the machine
    finally:
        os.close(folder)
