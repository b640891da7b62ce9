"""Watches one command to its end: ``python -m polyglot_provider.runner FOLDER LOCK``, started by `runs.Run`.

It outlives the worker that started it. SIGTERM ends the command first, in good order; the result is
written in any case.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

from polyglot_provider.runs import Attempt, own_environment, write

POLL_S = 0.05
#: Between SIGTERM and SIGKILL: a command with Spark takes its time.
GRACE_S = 30.0
TIMED_OUT, NOT_THERE, ENDED = 5, 4, -signal.SIGTERM


def main(folder: Path, lock: int) -> None:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    attempt, began = Attempt(folder), time.time()
    code = _run(attempt, lock, stop)
    write(folder / "result.json", {"code": code, "seconds": round(time.time() - began, 3)})


def _run(attempt: Attempt, lock: int, stop: Event) -> int:
    command = attempt.command
    turn = _take_turn(attempt.folder.parent.parent, command.turn, stop)
    if stop.is_set():
        return ENDED
    os.set_inheritable(lock, True)
    held = (lock,) if turn is None else (lock, turn)
    with (attempt.folder / "out.json").open("wb") as out:
        try:
            child = subprocess.Popen(
                command.arguments,
                cwd=command.directory,
                env=own_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=sys.stderr,
                pass_fds=held,  # if we are killed, the command goes on, and nobody starts a second one
                process_group=0,
            )
        except OSError as error:
            _say(f"error: {command.arguments[0]} cannot be started: {error}")
            return NOT_THERE
        return _watch(child, command.timeout_s, stop)


def _take_turn(runs: Path, name: str, stop: Event) -> int | None:
    """Wait until no other command of this turn runs; return what keeps the place."""
    if not name:
        return None
    place = os.open(runs / f".turn-{name}", os.O_RDWR | os.O_CREAT, 0o600)
    told = False
    while not stop.is_set():
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                _say(f"waiting for another command of the turn {name!r}")
                told = True
            stop.wait(POLL_S)
        else:
            break
    return place


def _watch(child: subprocess.Popen[bytes], timeout_s: float, stop: Event) -> int:
    deadline = time.monotonic() + timeout_s if timeout_s else float("inf")
    while (code := child.poll()) is None:
        late = time.monotonic() > deadline
        if late or stop.is_set():
            _say(f"error: not done in {timeout_s:.0f} s, and ended" if late else "error: ended by request")
            _end(child)
            return TIMED_OUT if late else ENDED
        stop.wait(POLL_S)
    return code


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # its own children, too: Spark's JVM
    child.wait()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
