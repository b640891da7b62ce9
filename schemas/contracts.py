"""Avro contracts and their pinned ids.

A contract is a file ``<name>.v<version>.avsc``; ``ids.lock`` pins its id and the SHA-256 of its text, so that stream,
batch and every collector write the same five header bytes without asking anyone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
MAGIC = 0


@dataclass(frozen=True)
class Contract:
    """One version of a contract.

    ``header`` is the Confluent wire header: a zero byte and the id as four big-endian bytes.
    """

    name: str
    version: int
    id: int
    schema: dict[str, Any]

    @property
    def label(self) -> str:
        """Return ``<name>.v<version>``, as dead letters carry it."""
        return f"{self.name}.v{self.version}"

    @property
    def header(self) -> bytes:
        """Return the five bytes that precede the Avro body."""
        return bytes([MAGIC]) + self.id.to_bytes(4, "big")


class ContractError(ValueError):
    """A contract is missing, or its text is not what the lock pinned."""


@lru_cache(maxsize=1)
def all_contracts() -> tuple[Contract, ...]:
    """Return every pinned contract, in the order of the lock.

    Raises:
        ContractError: a file is missing or differs from the pinned text.

    """
    found = []
    for entry in json.loads((FOLDER / "ids.lock").read_text())["schemas"]:
        path = FOLDER / entry["file"]
        if not path.exists():
            raise ContractError(f"{path.name} is pinned in ids.lock but is not there")
        text = path.read_bytes()
        if hashlib.sha256(text).hexdigest() != entry["sha256"]:
            raise ContractError(
                f"{path.name} differs from what ids.lock pinned: a change needs a new version and a new id"
            )
        found.append(Contract(entry["name"], entry["version"], entry["id"], json.loads(text)))
    return tuple(found)


@lru_cache(maxsize=64)
def contract(name: str, version: int | None = None) -> Contract:
    """Return a contract by name; without a version, its newest.

    Raises:
        ContractError: there is none.

    """
    matches = [c for c in all_contracts() if c.name == name and version in (None, c.version)]
    if not matches:
        known = ", ".join(c.label for c in all_contracts())
        raise ContractError(f"no contract {name!r} version {version or 'any'}; known: {known}")
    return max(matches, key=lambda c: c.version)


@lru_cache(maxsize=64)
def versions(name: str) -> tuple[Contract, ...]:
    """Return all versions of a contract, oldest first; their records are in its topic side by side."""
    return tuple(sorted((c for c in all_contracts() if c.name == name), key=lambda c: c.version))


@lru_cache(maxsize=64)
def by_id(schema_id: int) -> Contract | None:
    """Return the contract with this id, or None."""
    return next((c for c in all_contracts() if c.id == schema_id), None)
