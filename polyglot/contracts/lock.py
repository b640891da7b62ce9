"""``ids.lock`` as data: one pin per contract version, one line per pin."""

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
    try:
        return tuple(_pin(entry) for entry in json.loads(text)["schemas"])
    except (ValueError, KeyError, TypeError) as error:
        raise LockError(f"{origin} is not a list of pins (name, version, id, file, sha256): {error!r}") from error


def _pin(entry: dict[str, Any]) -> Pin:
    pin = Pin(**entry)
    if not (isinstance(pin.version, int) and isinstance(pin.id, int) and isinstance(pin.sha256, str)):
        raise TypeError(entry)
    return pin


def dump(pins: Iterable[Pin]) -> str:
    """Write pins as a lock file's text: one line each, so that a review sees one line per new version."""
    lines = ",\n".join(f"  {json.dumps(asdict(pin))}" for pin in pins)
    return f'{{\n "schemas": [\n{lines}\n ]\n}}\n'


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
