"""How a command that stays ends."""

from __future__ import annotations

import signal
from threading import Event


def until_stopped() -> Event:
    """Return what is set by Ctrl-C or SIGTERM from now on."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
