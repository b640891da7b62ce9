"""ClickHouse's values in JSON: exact, or as text, never a number that a reader would round."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

#: Readers that know doubles only (jq, JavaScript) keep integers up to here.
_EXACT = 2**53


def plain(value: Any) -> Any:
    """Return a value as JSON has it: numbers, booleans, texts and null as such, arrays, tuples and maps by element.

    Decimals are texts, and so are integers beyond 2^53, floats that are no numbers, times and all else. Bytes are text
    where they are UTF-8, else hex.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    exact = (
        value is None
        or isinstance(value, bool | str)
        or (isinstance(value, int) and abs(value) <= _EXACT)
        or (isinstance(value, float) and math.isfinite(value))
    )
    return value if exact else _text(value)


def shown(value: Any) -> str:
    """Return a value as a table shows it; NULL differs from any text."""
    return "NULL" if value is None else _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
