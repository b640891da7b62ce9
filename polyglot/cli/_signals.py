"""How a command that stays ends."""

from __future__ import annotations

import signal
from threading import Event
from types import FrameType


def until_stopped() -> Event:
    """Return what is set by Ctrl-C or SIGTERM from now on."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def interrupted_once() -> None:
    """Let the first Ctrl-C or SIGTERM raise KeyboardInterrupt; whoever tidies up after it is left to end in peace."""

    def first(number: int, _frame: FrameType | None) -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, lambda *_: None)  # SIG_IGN would be inherited by what is started from here
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, first)
