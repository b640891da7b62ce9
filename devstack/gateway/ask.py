"""What the server sends for one request: what it asks for, then the bytes of its body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from devstack.gateway.errors import BAD_ARGUMENTS, ClickHouseError
from devstack.gateway.kinds import Role

#: What one push of rows into the engine holds; bytes.
PUSH: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Table:
    """A table that came with the request: its columns as text, and the size of its rows in bytes."""

    name: str
    structure: str
    format: str
    size: int


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request asks for, beside its text.

    ``fifo``: where the rows of a result go. ``read_only``: whoever asks, only what a reader may do.
    """

    role: Role
    user: str
    query_id: str
    fifo: str
    output: str = "TabSeparated"
    database: str = ""
    read_only: bool = False
    session: str = ""
    session_check: bool = False
    session_timeout_s: float = 60.0
    settings: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    revision: int = 0
    tables: tuple[Table, ...] = ()

    @classmethod
    def read(cls, document: dict[str, Any]) -> Ask:
        """Return what the server has sent."""
        tables = tuple(Table(**one) for one in document.pop("tables", ()))
        return cls(**document, tables=tables)


class Body:
    """The bytes of a request as they come, with a look ahead."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        """Take the payloads of BODY frames."""
        self._parts = parts
        self._ahead = b""

    def take(self, size: int) -> Iterator[bytes]:
        """Yield exactly the next ``size`` bytes."""
        while size:
            part = self._ahead or next(self._parts, b"")
            if not part:
                raise ClickHouseError(BAD_ARGUMENTS, "The body ends inside a table that came with it")
            yield part[:size]
            self._ahead = part[size:]
            size -= min(size, len(part))

    def more(self, have: bytes, least: int) -> tuple[bytes, bool]:
        """Return ``have`` and what follows, at least ``least`` bytes of both, and whether this is all."""
        parts, size = [have, self._ahead], len(have) + len(self._ahead)
        self._ahead = b""
        while size < least:
            part = next(self._parts, None)
            if part is None:
                return b"".join(parts), True
            parts.append(part)
            size += len(part)
        return b"".join(parts), False

    def rest(self) -> Iterator[bytes]:
        """Yield what is left, in parts of about a megabyte."""
        pending = bytearray(self._ahead)
        for part in self._parts:
            pending += part
            if len(pending) >= PUSH:
                yield bytes(pending)
                pending.clear()
        if pending:
            yield bytes(pending)
