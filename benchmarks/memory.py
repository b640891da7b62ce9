"""Resident memory of the whole stack, supervisor and Python workers included."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

import psutil

from runtime.config import Settings
from runtime.layout import Layout
from runtime.stack_state import read_state


def stack_bytes(settings: Settings) -> dict[str, int]:
    """Return resident bytes per component, each with all its children."""
    state = read_state(Layout.at(settings.var_dir))
    found = {}
    for name, running in (state.components if state else {}).items():
        try:
            process = psutil.Process(running.pid)
            family = [process, *process.children(recursive=True)]
            found[name] = sum(p.memory_info().rss for p in family if p.is_running())
        except psutil.NoSuchProcess:
            continue
    return found


class MemoryWatch:
    """Samples the stack's memory every few seconds while a block runs."""

    def __init__(self, settings: Settings, every_s: float = 5.0) -> None:
        self._settings, self._every_s = settings, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: list[tuple[float, dict[str, int]]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.samples.append((time.monotonic(), stack_bytes(self._settings)))

    def summary(self) -> dict[str, Any]:
        """Return MB at the peak, also by component, and the means of the second and of the last quarter.

        Equal means are flat memory: ``growth`` is their ratio.
        """
        totals = [sum(sample.values()) / 1e6 for _, sample in self.samples]
        if len(totals) < 4:
            return {"peak_mb": round(max(totals, default=0.0))}
        quarter = len(totals) // 4
        _, highest = max(self.samples, key=lambda sample: sum(sample[1].values()))

        def mean(part: list[float]) -> int:
            return round(sum(part) / len(part))

        second, last = mean(totals[quarter : 2 * quarter]), mean(totals[-quarter:])
        return {
            "peak_mb": round(max(totals)),
            "peak_by_component_mb": {name: round(count / 1e6) for name, count in highest.items()},
            "second_quarter_mb": second,
            "last_quarter_mb": last,
            "growth": round(last / second, 3),
        }
