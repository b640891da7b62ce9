"""A stream of ClickHouse's Native format that is read, and written on, while it arrives.

What waits for the next chunk is a generator that waits at ``yield``: the stream may be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, TypeVar

from devstack.gateway.errors import INCORRECT_DATA, NOT_IMPLEMENTED, ClickHouseError

_T = TypeVar("_T")
#: Is sent the chunks, when it asks for the next one; returns a _T.
Walk = Generator[None, bytes, _T]

#: Most bytes in the name of a column or a type.
_NAME_LIMIT: Final = 1 << 20


def varint(value: int) -> bytes:
    """Return ``value`` as ClickHouse writes lengths: 7 bits a byte, low ones first."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


class Source:
    """The stream that is walked and the one that is written: what is read or skipped is written, as it is."""

    def __init__(self) -> None:
        self.between_blocks = True
        self._data = b""
        self._at = 0
        self._out: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._out.append(data)

    def written(self) -> bytes:
        """Return, and forget, what was written."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def next_block(self) -> Walk[None]:
        """Wait for the first byte of a block."""
        self.between_blocks = True
        while self._at == len(self._data):
            yield from self._more()
        self.between_blocks = False

    def skip(self, size: int) -> Walk[None]:
        while size:
            if self._at == len(self._data):
                yield from self._more()
            piece = self._data[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            self._out.append(piece)

    def take(self, size: int) -> Walk[bytes]:
        """Return the next bytes, which are not written."""
        data = b""
        while len(data) < size:
            if self._at == len(self._data):
                yield from self._more()
            piece = self._data[self._at : self._at + size - len(data)]
            self._at += len(piece)
            data += piece
        return data

    def number(self) -> Walk[int]:
        """Return an unsigned integer of 8 bytes."""
        data = yield from self.take(8)
        self._out.append(data)
        return int.from_bytes(data, "little")

    def varint(self) -> Walk[int]:
        value = yield from self._take_varint()
        self._out.append(varint(value))
        return value

    def name(self) -> Walk[str]:
        name = yield from self.take_name()
        text = name.encode(errors="surrogateescape")
        self._out += (varint(len(text)), text)
        return name

    def take_name(self) -> Walk[str]:
        """Return the name of a column or a type, which is not written; enums may have bytes that are no UTF-8."""
        size = yield from self._take_varint()
        if size > _NAME_LIMIT:
            raise ClickHouseError(NOT_IMPLEMENTED, f"The name of a column or type has {size} bytes")
        text = yield from self.take(size)
        return text.decode(errors="surrogateescape")

    def strings(self, rows: int) -> Walk[None]:
        """Skip strings: each a length and that many bytes."""
        while rows:
            if self._at == len(self._data):
                yield from self._more()
            data, start, end = self._data, self._at, len(self._data)
            at = start
            while rows and at < end:
                size = data[at]
                if size < 0x80:
                    at += size + 1
                elif at + 1 < end and data[at + 1] < 0x80:
                    at += (size & 0x7F | data[at + 1] << 7) + 2
                else:
                    break
                rows -= 1
            self._at = min(at, end)
            self._out.append(data[start : self._at])
            if at > end:
                yield from self.skip(at - end)
            elif at < end and rows:  # a length of three bytes and more, or one that the chunk's end cuts
                size = yield from self.varint()
                yield from self.skip(size)
                rows -= 1

    def count(self, rows: int, kinds: int) -> Walk[list[int]]:
        """Skip ``rows`` bytes; return how often 0, 1, … ``kinds`` - 1 are among them."""
        counts = [0] * kinds
        while rows:
            if self._at == len(self._data):
                yield from self._more()
            piece = self._data[self._at : self._at + rows]
            self._at += len(piece)
            rows -= len(piece)
            self._out.append(piece)
            counts = [count + piece.count(kind) for kind, count in enumerate(counts)]
        return counts

    def _take_varint(self) -> Walk[int]:
        value = shift = 0
        while True:
            byte = (yield from self.take(1))[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise ClickHouseError(INCORRECT_DATA, "A length in the Native stream of the engine has too many bytes")

    def _more(self) -> Walk[None]:
        self._data = yield
        self._at = 0
