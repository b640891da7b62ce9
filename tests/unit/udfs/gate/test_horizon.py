"""The gate of time, to the microsecond: what is too late or too early, in every kind and on both ways to read a frame.

The limits are written out here; ``schemas/domains.toml`` promises them to everybody who sends something.
"""

from __future__ import annotations

import pytest
from support.normalized import normalize

LATE, EARLY = 120_000_000, 5_000_000  # µs
MS = 1_718_000_000_000  # the venue's time of what follows
#: Venue and frame of each channel with a time of the venue's; the second form is one that only the gate reads.
FRAMES = {
    "trade": ("sim", f'{{"e":"trade","E":{MS},"s":"A","t":1,"p":"1","q":"1","T":{MS},"m":true,"M":true}}'),
    "aggTrade": ("binance_spot", f'{{"e":"aggTrade","E":{MS},"s":"A","a":1,"p":"1","q":"1","T":{MS},"m":true}}'),
    "bookTicker": (
        "binance_usdm",
        f'{{"e":"bookTicker","u":1,"s":"A","b":"1","B":"1","a":"1","A":"1","T":{MS},"E":{MS}}}',
    ),
    "cancel": ("sim", f'{{"e":"tradeCancel","E":{MS},"s":"A","i":1,"t":1,"T":{MS},"O":{MS},"r":1}}'),
    "correction": (
        "sim",
        f'{{"e":"tradeCorrect","E":{MS},"s":"A","i":1,"t":1,"T":{MS},"O":{MS},"r":1,"p":"1","q":"1"}}',
    ),
    "match": (
        "coinbase",
        '{"type":"match","trade_id":1,"time":"2024-06-10T06:13:20Z","product_id":"A-B","size":"1","price":"1",'
        '"side":"buy"}',
    ),
    "ticker": (
        "coinbase",
        '{"type":"ticker","sequence":1,"product_id":"A-B","best_bid":"1","best_bid_size":"1","best_ask":"1",'
        '"best_ask_size":"1","time":"2024-06-10T06:13:20Z"}',
    ),
    "Kraken trade": ("kraken", '[0,[["1","1","1718000000.000000","s","l",""]],"trade","A/B"]'),
    "Kraken spread": ("kraken", '[0,["1","1","1718000000.000000","1","1"],"spread","A/B"]'),
}


@pytest.mark.parametrize("blanks", ["", " "])
@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize(
    ("after", "reasons"),
    [(LATE, []), (LATE + 1, ["late"]), (-EARLY, []), (-EARLY - 1, ["future"])],
)
def test_what_comes_at_the_limit_is_accepted_and_a_microsecond_beyond_is_not(
    name: str, after: int, reasons: list[str], blanks: str
) -> None:
    venue, frame = FRAMES[name]
    _, out = normalize(venue, (1_000 * MS + after, frame.replace(",", f",{blanks}").encode()))
    assert [letter.reason for letter in out.dead_letters] == reasons
    assert out.frames == 1 - len(reasons)


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_copy_is_known_as_long_as_one_can_be_accepted(beyond: int) -> None:
    """An id is remembered until the entity's newest ingest time is the horizon and the skew past the event's time."""
    venue, frame = FRAMES["trade"]
    newer = frame.replace('"t":1', '"t":2').replace(str(MS), str(MS + 125_000))
    first, second, copy = (1_000 * MS, frame), (1_000 * MS + LATE + EARLY + beyond, newer), (1_000 * MS + LATE, frame)
    _, out = normalize(venue, *((time, text.encode()) for time, text in (first, second, copy)))
    assert out.frames == 2
    known = beyond <= 0
    assert (out.duplicates, [letter.reason for letter in out.dead_letters]) == (
        (1, []) if known else (0, ["behind_dedup_window"])
    )
