"""The statements that run, by marker and by the client's query id, and how they are cancelled."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

log = logging.getLogger(__name__)

#: A statement may not have reached the engine when its client goes: it is told until it has ended. Seconds.
_AGAIN_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class _One:
    query_id: str
    user: str


class Running:
    """Who runs what. A marker is ours and unique; a query id is the client's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[str, _One] = {}

    def begin(self, marker: str, query_id: str, user: str) -> bool:
        """Note a statement; False if one with this query id runs already."""
        with self._lock:
            if any(one.query_id == query_id for one in self._all.values()):
                return False
            self._all[marker] = _One(query_id, user)
            return True

    def end(self, marker: str) -> None:
        """Forget a statement."""
        with self._lock:
            self._all.pop(marker, None)

    def marker(self, query_id: str, user: str | None) -> str | None:
        """Return the marker of the statement with this id, of this user if one is named; None if none runs."""
        with self._lock:
            for marker, one in self._all.items():
                if one.query_id == query_id and user in (None, one.user):
                    return marker
        return None

    def runs(self, marker: str) -> bool:
        """Return whether a statement has not ended."""
        with self._lock:
            return marker in self._all


class Hangups:
    """Cancels the statements whose connection was closed by the other side: one thread for all of them."""

    def __init__(self, running: Running, cancel: Callable[[str], object]) -> None:
        """Start the thread; ``cancel`` gets a marker."""
        self._running = running
        self._cancel = cancel
        self._poll = select.epoll()
        self._lock = threading.Lock()
        self._watched: dict[int, str] = {}
        self._gone: set[str] = set()
        threading.Thread(target=self._loop, name="hangups", daemon=True).start()

    @contextmanager
    def watch(self, connection: socket.socket, marker: str) -> Iterator[None]:
        """Watch a connection while its statement runs."""
        number = connection.fileno()
        with self._lock:
            self._watched[number] = marker
        self._poll.register(number, select.EPOLLRDHUP | select.EPOLLONESHOT)
        try:
            yield
        finally:
            self._poll.unregister(number)
            with self._lock:
                self._watched.pop(number, None)
                self._gone.discard(marker)

    def _loop(self) -> None:
        while True:
            events = self._poll.poll(_AGAIN_S if self._gone else None)
            with self._lock:
                # Since the event the number may have got another connection: look at it again.
                ended = [number for number, _ in events if number in self._watched and _has_ended(number)]
                self._gone |= {self._watched[number] for number in ended}
                gone = list(self._gone)
            for marker in gone:
                try:
                    self._cancel(marker)
                except Exception:
                    log.exception("a statement could not be cancelled")


def _has_ended(number: int) -> bool:
    look = select.poll()
    look.register(number, select.POLLRDHUP)
    return bool(look.poll(0))
