"""``ids.lock`` as data: one pin per contract version, one line per pin.

Before the first release a version may be withdrawn: its pin moves to ``withdrawn``, where its id stays given away, and
the version begins anew under another id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LOCK = "ids.lock"
_FILE = re.compile(r"(?P<name>[a-z][a-z0-9_]*)\.v(?P<version>[1-9]\d*)\.avsc")


@dataclass(frozen=True)
class Pin:
    """One line of the lock: ``sha256`` is the hex digest of the contract file's bytes."""

    name: str
    version: int
    id: int
    file: str
    sha256: str

    @property
    def label(self) -> str:
        """Return ``<name>.v<version>``."""
        return f"{self.name}.v{self.version}"


class LockError(ValueError):
    """The lock file, or the name of a contract file, cannot be read."""


def parse(text: str, origin: str = LOCK) -> tuple[Pin, ...]:
    """Read a lock file's text; `origin` names it in errors.

    Raises:
        LockError: it is not the JSON document it should be.
    """
    return _parse(text, origin)[0]


def withdrawn(text: str, origin: str = LOCK) -> tuple[Pin, ...]:
    """Read the pins that a lock file's text says were withdrawn; `origin` names it in errors.

    Raises:
        LockError: it is not the JSON document it should be.
    """
    return _parse(text, origin)[1]


def _parse(text: str, origin: str) -> tuple[tuple[Pin, ...], tuple[Pin, ...]]:
    try:
        found = json.loads(text)
        return tuple(map(_pin, found["schemas"])), tuple(map(_pin, found.get("withdrawn", ())))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LockError(f"{origin} is not a list of pins (name, version, id, file, sha256): {error!r}") from error


def _pin(entry: dict[str, Any]) -> Pin:
    pin = Pin(**entry)
    if not (isinstance(pin.version, int) and isinstance(pin.id, int) and isinstance(pin.sha256, str)):
        raise TypeError(entry)
    return pin


def dump(pins: Iterable[Pin], gone: Iterable[Pin] = ()) -> str:
    """Write pins, and withdrawn ones, as a lock file's text: one line each, so that a review sees each new version."""
    parts = [("schemas", list(pins)), ("withdrawn", list(gone))]
    lists = [f' "{name}": [\n{_lines(chosen)}\n ]' for name, chosen in parts if chosen or name == "schemas"]
    return "{\n" + ",\n".join(lists) + "\n}\n"


def _lines(pins: Iterable[Pin]) -> str:
    return ",\n".join(f"  {json.dumps(asdict(pin))}" for pin in pins)


def name_and_version(file: str) -> tuple[str, int]:
    """Split ``<name>.v<version>.avsc``.

    Raises:
        LockError: the file is named differently.
    """
    match = _FILE.fullmatch(file)
    if not match:
        raise LockError(f"{file}: a contract file is named <name>.v<version>.avsc, in lower case, versions from 1")
    return match["name"], int(match["version"])


def sha256(path: Path) -> str:
    """Return the hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
