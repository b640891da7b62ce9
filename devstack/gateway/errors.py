"""Errors in ClickHouse's form: a code, a text, and the HTTP status that the real server would send."""

from __future__ import annotations

import re
from typing import Final

ACCESS_DENIED: Final = 497
AUTHENTICATION_FAILED: Final = 516
BAD_ARGUMENTS: Final = 36
INCORRECT_DATA: Final = 117
MEMORY_LIMIT_EXCEEDED: Final = 241
NOT_IMPLEMENTED: Final = 48
LIMIT_EXCEEDED: Final = 290
QUERY_CANCELLED: Final = 394
QUERY_ID_IN_USE: Final = 216
QUERY_TOO_LARGE: Final = 229
SESSION_IS_LOCKED: Final = 373
SESSION_NOT_FOUND: Final = 372
SYNTAX_ERROR: Final = 62
TIMEOUT_EXCEEDED: Final = 159
TOO_MANY_QUERIES: Final = 202
TOO_MUCH_RESULT: Final = 396
UNAVAILABLE: Final = 210
UNKNOWN_EXCEPTION: Final = 1002

_NAMES: Final = {
    33: "CANNOT_READ_ALL_DATA",
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    57: "TABLE_ALREADY_EXISTS",
    62: "SYNTAX_ERROR",
    73: "UNKNOWN_FORMAT",
    117: "INCORRECT_DATA",
    159: "TIMEOUT_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    210: "NETWORK_ERROR",
    216: "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
    229: "QUERY_IS_TOO_LARGE",
    241: "MEMORY_LIMIT_EXCEEDED",
    290: "LIMIT_EXCEEDED",
    372: "SESSION_NOT_FOUND",
    373: "SESSION_IS_LOCKED",
    394: "QUERY_WAS_CANCELLED",
    396: "TOO_MANY_ROWS_OR_BYTES",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
}

_STATUS: Final = {
    **dict.fromkeys((516, 192, 193, 497, 511), 403),
    **dict.fromkeys((6, 26, 27, 57, 38, 41, 43, 53, 62, 69, 70, 72, 117, 131, 376, 441, 467, 36, 42, 46, 33), 400),
    **dict.fromkeys((47, 50, 56, 60, 61, 63, 73, 81, 115), 404),
    229: 413,
    48: 501,
    202: 503,
    210: 503,
    290: 413,
    159: 408,
    164: 500,
    241: 500,
}

_CODE = re.compile(r"Code: (\d+)\. ")
_NESTED = re.compile(r"^Code: \d+\. DB::Exception: (?=Code: \d+\. )")
_WRAPPER = re.compile(r"^.*?(?=Code: \d+\. )", re.DOTALL)


class ClickHouseError(Exception):
    """``code`` is ClickHouse's error code; ``str()`` is the text of the response body."""

    def __init__(self, code: int, message: str) -> None:
        """Take a code and a message, without ``Code:`` around it unless it comes from the engine."""
        self.code = code
        if not message.startswith("Code: "):
            message = f"Code: {code}. DB::Exception: {message} ({_NAMES.get(code, 'UNKNOWN_EXCEPTION')})"
        super().__init__(message)

    @property
    def status(self) -> int:
        """Return the HTTP status for the code."""
        return _STATUS.get(self.code, 500)

    @classmethod
    def from_engine(cls, error: Exception) -> ClickHouseError:
        """Return the engine's error without the wrappers that chDB puts around it."""
        text = _WRAPPER.sub("", str(error), count=1).strip()
        text = _NESTED.sub("", text)
        match = _CODE.match(text)
        return cls(int(match.group(1)), text) if match else cls(UNKNOWN_EXCEPTION, str(error))


def article(role: str) -> str:
    """Return a role with its article, for messages."""
    return f"{'an' if role == 'admin' else 'a'} {role}"
