"""Why a record was not accepted."""

from __future__ import annotations

MAX_DETAIL = 200


class Reject(Exception):  # noqa: N818 - a verdict about a record, not an error of the program
    """A record failed its gate.

    ``reason`` is a stable code; ``detail`` says what was expected and what came, at most 200 characters.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail[:MAX_DETAIL]

    def kept(self) -> Reject:
        """Return the verdict without its traceback, to be kept after it was caught.

        A traceback's frames hold what a whole batch was decoded to. Kept by one of those frames, that is a cycle, which
        stays until Python's collector comes: gigabytes later.
        """
        return Reject(self.reason, self.detail)


def shown(value: object) -> str:
    """Return a short rendering of a value that came, safe to put into a detail."""
    text = ascii(value) if not isinstance(value, str) or len(value) <= MAX_DETAIL else ascii(value[:MAX_DETAIL])
    return text if len(text) <= 60 else text[:57] + "..."
