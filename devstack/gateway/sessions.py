"""Sessions: connections that keep their settings and temporary tables from one request to the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from devstack.gateway.chdb_engine import Connection, Engine
from devstack.gateway.errors import (
    MEMORY_LIMIT_EXCEEDED,
    SESSION_IS_LOCKED,
    SESSION_NOT_FOUND,
    TOO_MANY_QUERIES,
    ClickHouseError,
)

#: The longest that a session may be idle, seconds, as in ClickHouse's own configuration.
LONGEST_S: Final = 3600.0
_BYTES: Final = "SELECT ifNull(sum(total_bytes), 0) FROM system.tables WHERE is_temporary"
#: How long a request waits for its session: the one before it may have been broken off and be just ending. Seconds.
_PATIENCE_S: Final = 1.0


@dataclass(slots=True)
class Session:
    """A connection, what was SET on it (literals by name), and whether a request has it now."""

    connection: Connection
    settings: dict[str, str] = field(default_factory=dict)
    database: str = "default"
    busy: bool = False
    guarded: bool = False
    timeout_s: float = 60.0
    idle_since: float = 0.0
    bytes: int = 0
    has_tables: bool = False
    ends: bool = False


class Sessions:
    """The open sessions by user and name; one request at a time has one."""

    def __init__(self, engine: Engine, most: int, most_bytes: int) -> None:
        """Take the engine, and how many sessions and bytes of temporary tables a user may have."""
        self._engine = engine
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.RLock()
        self._returned = threading.Condition(self._lock)
        self._open: dict[tuple[str, str], Session] = {}

    def take(self, user: str, name: str, check: bool, timeout_s: float) -> Session:
        """Return the session, made new unless ``check``.

        Raises:
            ClickHouseError: another request has it (373), it is not there (372), or there are too many (202).
        """
        with self._lock:
            self._expire()
            session = self._open.get((user, name))
            if session is not None and session.busy:
                self._returned.wait_for(lambda: not self._is_busy(user, name), _PATIENCE_S)
                session = self._open.get((user, name))
            if session is None:
                if check:
                    raise ClickHouseError(SESSION_NOT_FOUND, f"Session {name} not found")
                self._make_room(user)
                session = self._open[user, name] = Session(self._engine.open())
            elif session.busy:
                raise ClickHouseError(SESSION_IS_LOCKED, f"Session {name} is locked by a concurrent client")
            session.busy = True
            session.timeout_s = min(max(timeout_s, 1.0), LONGEST_S)
            return session

    def _is_busy(self, user: str, name: str) -> bool:
        session = self._open.get((user, name))
        return session is not None and session.busy

    def give_back(self, session: Session, settings: Iterable[str]) -> None:
        """End a request: its own settings do not stay with the session, but what was SET before does."""
        try:
            if not session.ends:
                session.connection.restore({name: session.settings.get(name, "DEFAULT") for name in settings})
        except ClickHouseError:
            session.ends = True
            raise
        finally:
            with self._lock:
                session.busy = False
                session.idle_since = time.monotonic()
                if session.ends:
                    self._open = {key: one for key, one in self._open.items() if one is not session}
                    session.connection.close()
                self._returned.notify_all()

    def weigh(self, user: str, name: str, made: bool) -> None:
        """Look at what the session's temporary tables hold, which no limit of a query counts.

        ``made``: a statement has just made or dropped one. Sessions without any cost nothing.

        Raises:
            ClickHouseError: those of the user's sessions hold too much together (241); this session ends.
        """
        session = self._open[user, name]
        session.has_tables = session.has_tables or made
        if not session.has_tables:
            return
        session.bytes = int(session.connection.ask(_BYTES))
        with self._lock:
            held = sum(one.bytes for (owner, _), one in self._open.items() if owner == user)
        if held > self._most_bytes:
            session.ends = True
            text = (
                f"Temporary tables of {user} hold {held} bytes; {self._most_bytes} is the most: the session {name} ends"
            )
            raise ClickHouseError(MEMORY_LIMIT_EXCEEDED, text)

    def remember(self, user: str, name: str, settings: Mapping[str, str]) -> None:
        """Note what a SET statement of the session has set; values are literals."""
        with self._lock:
            session = self._open[user, name]
            session.settings.update(settings)

    def move(self, user: str, name: str, database: str) -> None:
        """Note what a USE statement of the session has made the current database."""
        with self._lock:
            self._open[user, name].database = database.strip()

    def _make_room(self, user: str) -> None:
        """Close the session that has been idle longest, if there are too many: drivers open them by themselves."""
        theirs = [key for key in self._open if key[0] == user]
        if len(theirs) < self._most:
            return
        idle = [key for key in theirs if not self._open[key].busy]
        if not idle:
            raise ClickHouseError(TOO_MANY_QUERIES, f"Too many sessions of {user}: at most {self._most}")
        oldest = min(idle, key=lambda key: self._open[key].idle_since)
        self._open.pop(oldest).connection.close()

    def _expire(self) -> None:
        now = time.monotonic()
        for key, session in list(self._open.items()):
            if not session.busy and now - session.idle_since > session.timeout_s:
                del self._open[key]
                session.connection.close()
