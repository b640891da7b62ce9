"""Add a venue: ``tiny`` speaks a JSON dialect of its own, and its frames become standard trades and quotes.

In a checkout these are two edits and no more. The part of this file between the lines becomes ``udfs/venues/tiny.py``,
with its line in ``DIALECTS`` (``udfs/venues/__init__.py``), and ``DOMAINS`` goes into ``schemas/domains.toml``. Topics,
the gate, duplicates, numbering, bars, replays and proofs follow from these. Here both edits are made in memory.

Run: ``python -m examples.add_a_venue``
"""

from __future__ import annotations

import re
from typing import Any

from schemas import domains
from schemas.contracts import FOLDER
from udfs import venues
from udfs.values import decimals
from udfs.values.rejects import Reject, shown
from udfs.values.times import from_millis
from udfs.venues.frames import Frame, QuoteRow, TradeRow, decode, instrument, need, own_number, whole_number

DOMAINS = """
[venues.tiny]
dialect = "tiny"
channels = { deal = "trade", top = "quote" }
sequences = ["deal"]
"""

# --- udfs/venues/tiny.py ----------------------------------------------------------------------------------------------

_SYMBOL = re.compile(r"[A-Z]{2,10}", re.ASCII)
_TAKER = {"B": "buy", "S": "sell"}


def parse(payload: bytes) -> Frame:
    """Find a frame's identity: channel, instrument, the venue's own number.

    Raises:
        Reject: the frame is malformed, or names no channel or instrument.
    """
    body = decode(payload)
    if not isinstance(body, dict):
        raise Reject("wrong_type", f"expected an object, got {shown(body)}")
    channel = need(body, "what")
    if channel not in ("deal", "top"):
        raise Reject("unknown_channel", f"what: {shown(channel)}")
    return Frame(channel, instrument(need(body, "of"), "of", _SYMBOL), whole_number(body, "no"), _time(body), body)


def _time(body: dict[str, Any]) -> int | None:
    try:
        return from_millis(body.get("at"), "at")
    except Reject:
        return None


def trades(frame: Frame) -> list[TradeRow]:
    """Read a ``deal``; prices and sizes become exact integers, scaled by 1e12.

    Raises:
        Reject: a field is missing, mistyped or out of range.
    """
    body = frame.body
    price = decimals.parse(need(body, "price"), "price", zero=False)
    size = decimals.parse(need(body, "lots"), "lots", zero=False)
    decimals.check_notional(price, size)
    taker = need(body, "taker")
    if taker not in _TAKER:
        raise Reject("wrong_type", f"taker: expected B or S, got {shown(taker)}")
    return [TradeRow(from_millis(need(body, "at"), "at"), frame.venue_id, price, size, _TAKER[taker])]


def quotes(frame: Frame) -> list[QuoteRow]:
    """Read a ``top`` of book.

    Raises:
        Reject: a field is missing, mistyped or out of range.
    """
    body = frame.body
    (bid, bid_size), (ask, ask_size) = need(body, "bid"), need(body, "ask")
    return [
        QuoteRow(
            from_millis(need(body, "at"), "at"),
            frame.venue_id,
            decimals.parse(bid, "bid", zero=False),
            decimals.parse(bid_size, "bid", zero=True),
            decimals.parse(ask, "ask", zero=False),
            decimals.parse(ask_size, "ask", zero=True),
        )
    ]


# ----------------------------------------------------------------------------------------------------------------------

FRAMES = (
    b'{"what":"deal","of":"GOLD","no":41,"at":1767623400000,"price":"2650.10","lots":"0.5","taker":"B"}',
    b'{"what":"top","of":"GOLD","no":900,"at":1767623400002,"bid":["2650.0","3"],"ask":["2650.2","1"]}',
    b'{"what":"deal","of":"GOLD","no":41,"at":1767623400000,"price":"2650.10","lots":"0.5","taker":"B"}',
    b'{"what":"deal","of":"GOLD","no":43,"at":1767623410000,"price":"2650.3","lots":"2","taker":"S"}',
    b'{"what":"deal","of":"GOLD","no":44,"at":1767623410001,"price":"-1","lots":"2","taker":"S"}',
)


_SHOWN = ("event_id", "entity_seq", "price", "size", "aggressor", "bid_price", "ask_price")


def install() -> None:
    """Make the two edits in memory. Whatever reads the domains must be imported after it."""
    venues.DIALECTS["tiny"] = venues.Dialect(parse, trades, quotes, numbers=own_number)
    known = domains.parse((FOLDER / "domains.toml").read_text() + DOMAINS)
    domains.domains = lambda: known  # type: ignore[assignment]


def main() -> None:
    """Normalize some frames, as the job does, and print what became of them."""
    install()
    from collectors.block import assigned  # noqa: PLC0415 - they read the domains
    from collectors.wrap import Wrapper  # noqa: PLC0415
    from udfs.normalize.normalizer import Normalizer  # noqa: PLC0415
    from udfs.rows.arrow import to_arrow  # noqa: PLC0415
    from udfs.wire.envelope import decode as envelopes  # noqa: PLC0415

    received = [1767623400_500_000 + n for n in range(len(FRAMES))]
    received[3:] = [1767623410_500_000, 1767623410_500_001]
    block = assigned("tiny", 1, received, list(FRAMES))
    values = Wrapper("tiny", "example").wrap(block)
    for channel in ("deal", "top"):
        topic = domains.raw_topic("tiny", channel)
        mine = [value for value, found in zip(values, block.channel, strict=True) if found == channel]
        out = Normalizer(topic).process(envelopes(mine)[0])
        print(f"{topic}: {len(mine)} frames, {out.duplicates} duplicates")
        for rows in (out.trades, out.quotes):
            for row in to_arrow(rows).drop_columns(["value"]).to_pylist():
                print("  ", {name: str(value) for name, value in row.items() if name in _SHOWN})
        for letter in out.dead_letters:
            print(f"   dead letter {letter.dead_letter_id}: {letter.reason}: {letter.detail}")


if __name__ == "__main__":
    main()
