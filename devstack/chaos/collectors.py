"""A collector under fire: a `polyglot feed` process that somebody starts again whenever it ends before its time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.console import CommandError

_POLL_S = 0.2
#: How long a collector may take to end in order.
_END_S = 20.0


class Collector:
    """Feeds a capture file as a venue's; started again, it goes on where it was acknowledged."""

    def __init__(self, venue: str, path: Path, speed: float) -> None:
        self.name = path.name
        self.restarts = 0
        arguments = ["feed", venue, "--capture", str(path), "--speed", f"{speed:g}", "--json"]
        self._command = [sys.executable, "-m", "polyglot.cli", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._said = path.with_suffix(".log")
        self._waking: threading.Timer | None = None
        self._turn = threading.Lock()
        self.held = False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def paused(self) -> bool:
        return self._waking is not None and self._waking.is_alive()

    def start(self) -> None:
        """Start the process; one that is held starts when it is released."""
        with self._turn, self._said.open("ab") as said:
            if self.held:
                return
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=said)

    def kill(self) -> None:
        """Kill -9, and wait for it."""
        if self._process and self.running:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def hold(self) -> None:
        """End it in order until it is released: it feeds nothing meanwhile, and catches up with nothing afterwards."""
        with self._turn:
            process = self._process
            if self.held or process is None or process.poll() == 0:
                return
            self.held = True
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGCONT)  # one that is paused cannot hear the other
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:  # there may be no broker to take what is in flight
                process.kill()
                process.wait()

    def release(self) -> None:
        """Let it go on, at its pace, where it was held."""
        with self._turn:
            if not self.held:
                return
            self.held = False
            done = self._process is not None and self._process.poll() == 0
        if not done:
            self.start()

    def pause(self, seconds: float) -> None:
        """Let it stand still for so long; returns at once."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGSTOP)
        self._waking = threading.Timer(seconds, process.send_signal, [signal.SIGCONT])
        self._waking.daemon = True
        self._waking.start()

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Let it stand still meanwhile."""
        process = self._process
        if process is None:
            raise CommandError(f"{self.name} was not started")
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def through(self) -> bool:
        """Return whether everything is fed; start it again if it ended before."""
        if self._process is not None and self._process.poll() == 0:
            return True
        if not self.running and not self.held:  # it gave up, as it does without a broker when it starts
            self.restarts += 1
            self.start()
        return False

    def finish(self, deadline: float) -> None:
        """Wait until everything is fed; ``deadline`` is a `time.monotonic` instant.

        Raises:
            CommandError: it is not through in time.
        """
        while not self.through():
            if time.monotonic() > deadline:
                said = self._said.read_text(errors="replace")[-1500:] if self._said.exists() else ""
                raise CommandError(f"{self.name} is not through in time: {said}")
            time.sleep(_POLL_S)
