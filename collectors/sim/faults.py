"""Malformed frames: a good frame is broken in one way, so that the gate must reject it for one known reason."""

from __future__ import annotations

import re
from collections.abc import Callable

YEAR_MS = 365 * 86_400_000
HUGE_BYTES = 5 * 1024 * 1024
_TIME = re.compile(rb'"([TE])":(\d+)')


def _number(value: str) -> Callable[[bytes, int], bytes]:
    """Replace the first price (p of a trade, b of a quote) by ``value``, quotes included."""
    return lambda frame, _: re.sub(rb'"([pb])":"[^"]*"', rb'"\1":' + value.encode(), frame, count=1)


def _times(change: Callable[[int, int], int]) -> Callable[[bytes, int], bytes]:
    """Replace both times (ms) by ``change(ms, salt)``."""
    return lambda frame, salt: _TIME.sub(lambda m: b'"%s":%d' % (m[1], change(int(m[2]), salt)), frame)


def _huge(frame: bytes, _: int) -> bytes:
    return frame[:-2] + b',"X2":"' + b"x" * HUGE_BYTES + b'"}}'


#: Name → (reason of the dead letter, how to break a trade or quote frame; the salt is any non-negative integer).
FAULTS: dict[str, tuple[str, Callable[[bytes, int], bytes]]] = {
    "truncated": ("not_json", lambda frame, salt: frame[: -1 - salt % 8]),
    "not_utf8": ("not_utf8", lambda frame, _: frame.replace(b'":"', b'":"\xff\xfe', 1)),
    "unknown_channel": ("unknown_channel", lambda frame, _: re.sub(rb'"e":"\w+"', b'"e":"forceOrder"', frame)),
    "missing_field": ("missing_field", lambda frame, _: re.sub(rb'"[pb]":"[^"]*",', b"", frame, count=1)),
    "wrong_type": ("wrong_type", _number("[1]")),
    "not_a_number": ("not_a_number", _number('"NaN"')),
    "negative": ("out_of_range", _number('"-1.5"')),
    "oversized": ("out_of_range", _number('"10000000000000000"')),
    "too_precise": ("too_precise", _number('"1.0000000000001"')),
    "time_in_seconds": ("bad_time", _times(lambda ms, _: ms // 1000)),
    "time_in_micros": ("bad_time", _times(lambda ms, _: ms * 1000)),
    "year_behind": ("late", _times(lambda ms, _: ms - YEAR_MS)),
    "year_ahead": ("future", _times(lambda ms, _: ms + YEAR_MS)),
    "beyond_horizon": ("late", _times(lambda ms, salt: ms - 300_000 - salt % 600_000)),
    "unknown_symbol": ("unknown_symbol", lambda frame, _: re.sub(rb'"s":"\w+"', b'"s":"???"', frame)),
    "no_symbol": ("missing_field", lambda frame, _: re.sub(rb'"s":"\w+",', b"", frame)),
    "empty": ("empty_payload", lambda _frame, _salt: b""),
    "huge": ("payload_too_large", _huge),
}
#: At most once in a sequence: all empty frames have the same identity, and one frame of 5 MB is enough.
ONCE = ("empty", "huge")
_CYCLE = tuple(FAULTS)
_LATER = tuple(name for name in FAULTS if name not in ONCE)


def fault_of(number: int) -> str:
    """Return the fault of the n-th malformed frame, from 0: every fault once, then all but `ONCE` in turn."""
    return _CYCLE[number] if number < len(_CYCLE) else _LATER[(number - len(_CYCLE)) % len(_LATER)]
