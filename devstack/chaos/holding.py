"""A feed that waits for faults: what takes long, such as a dead JobManager, must not use up what later faults need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

_POLL_S = 0.25


class Holdable(Protocol):
    """A collector that can be held."""

    def hold(self) -> None: ...

    def release(self) -> None: ...


class Holder:
    """Holds collectors while a fault is at work and the share that it may use is fed; a thread looks.

    Args:
        fed: the share of the feed that is in the log.
        collectors: all of the round.
    """

    def __init__(self, fed: Callable[[], float], collectors: Sequence[Holdable]) -> None:
        self._fed, self._collectors = fed, collectors
        self._limit = 1.0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="holder", daemon=True)
        self._thread.start()

    @contextmanager
    def up_to(self, limit: float) -> Iterator[None]:
        """Let no more than this share be fed meanwhile."""
        self._set(limit)
        try:
            yield
        finally:
            self._set(1.0)
            for collector in self._collectors:
                collector.release()

    def close(self) -> None:
        """Hold nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        for collector in self._collectors:
            collector.release()

    def _set(self, limit: float) -> None:
        with self._changed:  # nobody is being held right now
            self._limit = limit
            self._changed.notify_all()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                if self._limit < 1.0 and self._fed() >= self._limit:
                    for collector in self._collectors:
                        collector.hold()
                self._changed.wait(_POLL_S if self._limit < 1.0 else None)
