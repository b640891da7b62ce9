"""Files of reference data, CSV or JSON: corporate actions and daily closes, row by row.

A row becomes one canonical JSON object around its untouched fields, every number as the text it was in the file; a row
of daily prices that also tells of a dividend or a split becomes a frame for each. What the file cannot say (the symbol,
the currency, that it is a corrected edition) comes from the caller and is put beside the fields, not into them.
"""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from collectors.block import Block, assigned
from runtime.console import CommandError, Exit

VENUE = "reference"
BLOCK_ROWS = 2000
#: Columns of a row of daily prices that are actions, and the kind each becomes.
_ACTION_COLUMNS = {"Dividends": "cash_dividend", "Stock Splits": "split"}
_KNOWN = {"action_id", "close", "Close"}


@dataclass(frozen=True)
class Supplement:
    """What the caller knows and the file does not say; ``as_of_us`` is the knowledge time, None for now."""

    symbol: str = ""
    currency: str = ""
    revision: int = 0
    as_of_us: int | None = None


class ReferenceFile:
    """One file as a source: ``seq`` counts its frames, from 1."""

    venue = VENUE

    def __init__(self, path: Path, supplement: Supplement) -> None:
        if not path.is_file():
            raise CommandError(f"no such file: {path}", code=Exit.USAGE)
        self._path, self._supplement = path, supplement
        digest = hashlib.sha256(path.read_bytes() + repr(supplement).encode()).hexdigest()
        self.source_id = f"reference:{digest[:16]}"

    def blocks(self, after_seq: int) -> Iterator[Block]:
        """Yield the frames behind ``after_seq``, all with the same receive time.

        Raises:
            CommandError: the file is neither CSV with known columns, nor a JSON array, nor JSON lines.
        """
        received = time.time_ns() // 1000 if self._supplement.as_of_us is None else self._supplement.as_of_us
        frames = [frame for row in self._rows() for frame in frames_of(row, self._supplement)]
        for start in range(after_seq, len(frames), BLOCK_ROWS):
            part = frames[start : start + BLOCK_ROWS]
            yield assigned(VENUE, start + 1, [received] * len(part), part)

    def _rows(self) -> Iterator[Any]:
        # What is no UTF-8 stays visible in the dead letter, always in the same way.
        text = self._path.read_text(encoding="utf-8-sig", errors="backslashreplace")
        head = text.lstrip()[:1]
        if head == "[":
            try:
                yield from _json(text)
            except ValueError as error:
                raise CommandError(f"{self._path.name}: not JSON: {error}", code=Exit.USAGE) from error
        elif head == "{":
            yield from (_line(line) for line in text.splitlines() if line.strip())
        else:
            yield from self._csv(text)

    def _csv(self, text: str) -> Iterator[dict[str, Any]]:
        reader = csv.DictReader(text.splitlines(keepends=True), restkey="(more)")
        if not _KNOWN & set(reader.fieldnames or ()):
            raise CommandError(
                f"{self._path.name}: neither actions nor daily closes",
                hint="Expected JSON, or CSV with a column action_id, close or Close: "
                "docs/reference/corporate-actions.md.",
                code=Exit.USAGE,
            )
        yield from ({name: value for name, value in row.items() if value is not None} for row in reader)


def _json(text: str) -> Any:
    """Decode JSON; numbers stay the text they are."""
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _line(line: str) -> Any:
    try:
        return _json(line)
    except ValueError:
        return line


def frames_of(row: Any, supplement: Supplement) -> Iterator[bytes]:
    """Yield the payloads of one row. A row that is no object is a frame as it is, and will be a dead letter."""
    if not isinstance(row, dict):
        yield row.encode() if isinstance(row, str) else _canonical(row)
        return
    around: dict[str, Any] = {"symbol": row.get("symbol") or supplement.symbol, "fields": row}
    if supplement.currency:
        around["currency"] = supplement.currency
    if supplement.revision:
        around["revision"] = str(supplement.revision)
    if not {"Close", "close"} & row.keys():
        yield _canonical({**around, "channel": "corporate_action"})
        return
    yield _canonical({**around, "channel": "daily_close"})
    for column, kind in _ACTION_COLUMNS.items():
        if _says_something(row.get(column)):
            yield _canonical({**around, "channel": "corporate_action", "kind": kind})


def _says_something(cell: Any) -> bool:
    """Tell whether a cell is anything but empty or zero; what is no number is something, and will be rejected."""
    if cell is None or cell == "":
        return False
    try:
        return Decimal(cell) != 0
    except (InvalidOperation, TypeError, ValueError):
        return True


def _canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
