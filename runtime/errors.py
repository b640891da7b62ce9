"""Failures that the user can act on, and the exit codes that they become."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says; every command uses these and no others."""

    OK = 0
    FAILED = 1  # it ran, and the answer is no: differences, unhealthy, refused
    USAGE = 2  # the command line or the configuration is wrong
    UNAVAILABLE = 3  # something the command needs is not running
    MISSING = 4  # something the command needs is not installed or not built
    TIMEOUT = 5  # it did not finish in the time given
    INTERRUPTED = 130


class CommandError(Exception):
    """A failure the user can act on: shown as one message and a hint, never as a traceback."""

    def __init__(self, message: str, *, hint: str = "", code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code
