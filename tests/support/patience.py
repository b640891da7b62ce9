"""How long a test waits before it calls something a hang.

Deadlines are for hangs: ten times what an idle machine of two cores needs. ``POLYGLOT_TEST_PATIENCE=3`` triples all of
them, those of pytest-timeout too, for a machine that is slower, or busy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

PATIENCE = float(os.environ.get("POLYGLOT_TEST_PATIENCE", "1"))


def patient(seconds: float) -> float:
    """Return how long to wait for what must not take so many seconds."""
    return seconds * PATIENCE


def wait_for(
    condition: Callable[[], _T], seconds: float = 180, what: str = "it did not happen", *, every: float = 0.1
) -> _T:
    """Wait until a condition is true; return its value.

    An exception counts as not yet: a service that was just killed fails in any way. `pytest.fail` ends the waiting.

    Raises:
        AssertionError: it did not become true in time.
    """
    deadline = time.monotonic() + patient(seconds)
    error: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except Exception as caught:  # noqa: BLE001 - see above
            error = caught
        time.sleep(every)
    raise AssertionError(f"{what} in {patient(seconds):.0f} s" + (f": {error!r}" if error else ""))
