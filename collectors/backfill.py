"""Saved REST answers of a venue, turned into the frames that the venue's stream would have sent.

A frame has the stream's field names and, value for value, the answer's own text. It has no sending time (``E``), which
an answer does not tell, and nothing that is computed from the rest (``quoteQty``). So it has the identity of the
stream's frame and says the same (law 4). What is no trade of a known form is a frame as it is, and will be a dead
letter.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import msgspec

from collectors.block import Block, assigned
from runtime.console import CommandError, Exit
from schemas.domains import domains
from udfs.gate.assign import parse
from udfs.values.rejects import Reject

BLOCK_FRAMES = 2000
#: A file's name that means standard input.
STDIN = "-"
_UNNUMBERED = 1 << 64  # behind every number that a venue can give


@dataclass(frozen=True)
class _Form:
    """An answer's fields and what the stream calls them; ``names`` must be there, ``more`` may be."""

    event: tuple[str, str]
    symbol: str
    names: Mapping[str, str]
    more: Mapping[str, str] = field(default_factory=dict)

    def frame(self, symbol: str, trade: Mapping[str, bytes]) -> bytes:
        """Return the frame of one trade, whose values are JSON text."""
        named = {**self.names, **self.more}
        head = [(self.event[0], json.dumps(self.event[1])), (self.symbol, json.dumps(symbol, ensure_ascii=False))]
        fields = [(name, text.encode()) for name, text in head]
        fields += [(named[name], trade[name]) for name in named if name in trade]
        return b"{" + b",".join(b'"%s":%s' % (name.encode(), text) for name, text in fields) + b"}"


_FORMS = {
    "binance": (
        _Form(
            ("e", "trade"),
            "s",
            {"id": "t", "price": "p", "qty": "q", "time": "T", "isBuyerMaker": "m"},
            {"isBestMatch": "M"},
        ),
        _Form(("e", "aggTrade"), "s", {name: name for name in "apqTm"}, {name: name for name in "flM"}),
    ),
    "coinbase": (
        _Form(("type", "match"), "product_id", {name: name for name in ("trade_id", "time", "side", "price", "size")}),
    ),
}


class Backfill:
    """One saved answer, or several behind each other, as a source: ``seq`` counts the frames, from 1.

    They are in the order of the venue's numbers, so that prints of one time keep theirs, whichever end the venue
    begins with. ``unknown`` counts the elements that are no trades of a known form.

    Args:
        venue: of ``domains.toml``.
        name: of the file, for messages.
        content: its bytes, plain or gzip: JSON arrays of trades, or single trades, with or without blanks between.
        symbol: the instrument, as the venue names it; no answer names its own.
        received_us: when the answer was received, µs UTC; None: as it is fed.

    Raises:
        CommandError: the venue's answers cannot be read, it has no such instrument, or the content is no such JSON, or
            is the venue's report of an error.
    """

    def __init__(self, venue: str, name: str, content: bytes, symbol: str, received_us: int | None = None) -> None:
        self.venue = venue
        self._name, self._received = name, received_us
        self._forms = _forms(venue, symbol)
        content = self._plain(content)
        digest = hashlib.sha256(content + repr((symbol, received_us)).encode()).hexdigest()
        self.source_id = f"backfill:{digest[:16]}"
        found = [self._frame(symbol, element) for element in self._elements(content)]
        self.unknown = sum(number == _UNNUMBERED for number, _ in found)
        self._frames = [frame for _, frame in sorted(found, key=lambda one: one[0])]

    def __len__(self) -> int:
        return len(self._frames)

    def blocks(self, after_seq: int) -> Iterator[Block]:
        """Yield the frames behind ``after_seq``, all with the same receive time."""
        received = time.time_ns() // 1000 if self._received is None else self._received
        for start in range(after_seq, len(self._frames), BLOCK_FRAMES):
            part = self._frames[start : start + BLOCK_FRAMES]
            yield assigned(self.venue, start + 1, [received] * len(part), part)

    def _frame(self, symbol: str, element: bytes) -> tuple[int, bytes]:
        """Return the venue's number of an element and its frame."""
        try:
            fields = msgspec.json.decode(element, type=dict[str, msgspec.Raw])
        except msgspec.MsgspecError:
            return _UNNUMBERED, element
        for form in self._forms:
            if form.names.keys() <= fields.keys():
                frame = form.frame(symbol, {name: bytes(text) for name, text in fields.items()})
                try:
                    return int(parse(self.venue, frame).venue_id), frame
                except Reject:
                    break
        return _UNNUMBERED, element

    def _plain(self, content: bytes) -> bytes:
        if not content.startswith(b"\x1f\x8b"):
            return content
        try:
            return gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise CommandError(f"{self._name} is damaged: {error}", code=Exit.USAGE) from error

    def _elements(self, content: bytes) -> Iterator[bytes]:
        """Yield the text of each trade."""
        try:
            text = content.decode("utf-8-sig")
            documents = [text[begin:end].encode() for begin, end in _spans(text)]
            for document in documents:
                if document.startswith(b"["):
                    yield from map(bytes, msgspec.json.decode(document, type=list[msgspec.Raw]))
                else:
                    self._refuse_error(msgspec.json.decode(document, type=dict[str, msgspec.Raw]))
                    yield document
        except (UnicodeDecodeError, json.JSONDecodeError, msgspec.MsgspecError, RecursionError) as error:
            self._fail(f"no JSON arrays of trades: {error}")
        if not documents:
            self._fail("it is empty")

    def _refuse_error(self, fields: Mapping[str, bytes]) -> None:
        if "msg" in fields or "message" in fields:
            said = " ".join(bytes(fields[key]).decode() for key in ("code", "msg", "message") if key in fields)
            self._fail(f"the venue answered with an error: {said}")

    def _fail(self, what: str) -> NoReturn:
        raise CommandError(
            f"{self._name}: {what}", hint="Expected a REST answer as it came: docs/howto/gaps.md.", code=Exit.USAGE
        )


def read(name: str) -> bytes:
    """Return the content of a file, or of standard input.

    Raises:
        CommandError: there is no such file.
    """
    if name == STDIN:
        return sys.stdin.buffer.read()
    if not Path(name).is_file():
        raise CommandError(f"no such file: {name}", code=Exit.USAGE)
    return Path(name).read_bytes()


def _forms(venue: str, symbol: str) -> tuple[_Form, ...]:
    """Return the forms of a venue's answers.

    Raises:
        CommandError: there are none, or the venue could not have such an instrument.
    """
    found = _FORMS.get(domains().venues[venue].dialect)
    if found is None:
        known = [one.name for one in domains().venues.values() if one.dialect in _FORMS]
        raise CommandError(
            f"{venue}: no REST answers of this venue can be fed",
            hint=f"Venues that have them: {', '.join(known)}. docs/howto/gaps.md says why.",
            code=Exit.USAGE,
        )
    try:
        parse(venue, found[0].frame(symbol, dict.fromkeys(found[0].names, b"0")))
    except Reject as reject:
        raise CommandError(f"--symbol: {reject.detail}", code=Exit.USAGE) from reject
    return found


#: Only skips: as texts, numbers cannot be too long. What it lets pass that is no JSON is found afterwards.
_SKIPPER = json.JSONDecoder(parse_int=str, parse_float=str)
_BEGIN = re.compile(r"[^ \t\r\n]")


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each JSON document in a text begins and ends.

    Raises:
        JSONDecodeError: what follows is none.
    """
    at = 0
    while found := _BEGIN.search(text, at):
        _, at = _SKIPPER.raw_decode(text, found.start())
        yield found.start(), at
