"""The keys of the local S3 server: a file that only its owner reads, in the form in which the server wants it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from runtime import secret_files
from runtime.errors import CommandError

_NAME = "polyglot"


def place(var: Path) -> Path:
    """Return where the stack in `var` keeps them: in a folder that is for passwords only."""
    return var / "secrets" / "s3.json"


def read(path: Path) -> tuple[str, str] | None:
    """Return access key and secret key, None where there is no file yet.

    Raises:
        CommandError: the file belongs to somebody else, or is not what `provide` writes.
    """
    try:
        (one,) = json.loads(path.read_bytes())["identities"]
        (keys,) = one["credentials"]
        return keys["accessKey"], keys["secretKey"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise CommandError(f"{path} belongs to another user: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        hint = "delete it while the stack is down; `polyglot up --with s3` makes a new one"
        raise CommandError(f"{path} does not hold the keys of an S3 server: {error}", hint=hint) from error


def provide(path: Path, keys: tuple[str, str] | None = None) -> None:
    """Make sure that there are keys: those given, those that are there, or new ones."""
    with secret_files.alone(path.parent):
        before = read(path)
        access, secret = after = keys or before or (secrets.token_hex(10), secrets.token_hex(24))
        if after != before:
            credentials = [{"accessKey": access, "secretKey": secret}]
            identity = {
                "name": _NAME,
                "credentials": credentials,
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
            secret_files.write(path, json.dumps({"identities": [identity]}, indent=2) + "\n")
        path.chmod(0o600)  # an editor may have opened it up
