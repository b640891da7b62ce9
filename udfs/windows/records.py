"""Finished bars as objects again, out of their bytes: for the words of a rule that one breaks, and for tests."""

from __future__ import annotations

from udfs.bars import Bar, QuoteBar


class Reader:
    """Reads Avro fields in order."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._place = 5  # behind the header

    def long(self) -> int:
        raw = shift = 0
        while True:
            byte = self._value[self._place]
            self._place += 1
            raw |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (raw >> 1) ^ -(raw & 1)

    def bytes(self) -> bytes:
        size = self.long()
        self._place += size
        return self._value[self._place - size : self._place]

    def text(self) -> str:
        return self.bytes().decode()

    def decimal(self) -> int:
        return int.from_bytes(self.bytes(), "big", signed=True)


def read_bar(value: bytes) -> Bar:
    """Return the bar of a record of ``analytics.bar.v1``."""
    r = Reader(value)
    head = (r.text(), r.text(), r.long(), r.long(), r.decimal(), r.decimal(), r.decimal(), r.decimal(), r.decimal())
    return Bar(*head, r.text(), r.decimal(), r.long(), r.text(), r.text(), r.decimal(), r.text(), r.long())


def read_quote_bar(value: bytes) -> QuoteBar:
    """Return the quote bar of a record of ``analytics.quote_bar.v1``."""
    r = Reader(value)
    head = (r.text(), r.long(), r.long())
    book = (r.decimal(), r.decimal(), r.decimal(), r.decimal())
    derived = (r.decimal(), r.decimal(), r.decimal(), r.decimal())
    return QuoteBar(*head, *book, *derived, r.long(), r.long())
