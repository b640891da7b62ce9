"""How the simulated venue writes frames: Binance USD-M combined streams."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.sim.instruments import Instrument


class Wire:
    """Templates of one instrument. Prices and sizes come as (whole, fraction) pairs of integers, times in ms."""

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = s = instrument.symbol
        low = s.lower()
        p, q = f"%d.%0{instrument.price_places}d", f"%d.%0{instrument.size_places}d"
        self._trade = (
            f'{{"stream":"{low}@trade","data":{{"e":"trade","E":%d,"T":%d,"s":"{s}","t":%d,"p":"{p}","q":"{q}",'
            f'"X":"MARKET","m":%s}}}}'
        )
        self._agg = (
            f'{{"stream":"{low}@aggTrade","data":{{"e":"aggTrade","E":%d,"a":%d,"s":"{s}","p":"{p}","q":"{q}",'
            f'"f":%d,"l":%d,"T":%d,"m":%s}}}}'
        )
        self._quote = (
            f'{{"stream":"{low}@bookTicker","data":{{"e":"bookTicker","u":%d,"s":"{s}","b":"{p}","B":"{q}","a":"{p}",'
            f'"A":"{q}","T":%d,"E":%d}}}}'
        )
        level = f'["{p}","{q}"]'
        self._depth = (
            f'{{"stream":"{low}@depth@0ms","data":{{"e":"depthUpdate","E":%d,"T":%d,"s":"{s}","U":%d,"u":%d,"pu":%d,'
            f'"b":[{level}],"a":[{level}]}}}}'
        )
        revision = f'"s":"{s}","i":%d,"t":%d,"O":%d,"r":%d'
        self._cancel = f'{{"stream":"{low}@tradeCancel","data":{{"e":"tradeCancel","E":%d,"T":%d,{revision}}}}}'
        revision += f',"p":"{p}","q":"{q}"'
        self._correct = f'{{"stream":"{low}@tradeCorrect","data":{{"e":"tradeCorrect","E":%d,"T":%d,{revision}}}}}'

    def trades(self, rows: Iterable[tuple[object, ...]]) -> list[bytes]:
        """Rows of E, T, t, price, size, 'true' or 'false' (the buyer was the maker)."""
        template = self._trade
        return [(template % row).encode() for row in rows]

    def agg_trades(self, rows: Iterable[tuple[object, ...]]) -> list[bytes]:
        """Rows of E, a, price, size, first and last trade id, T, 'true' or 'false'."""
        template = self._agg
        return [(template % row).encode() for row in rows]

    def quotes(self, rows: Iterable[tuple[object, ...]]) -> list[bytes]:
        """Rows of u, bid, bid size, ask, ask size, T, E."""
        template = self._quote
        return [(template % row).encode() for row in rows]

    def depths(self, rows: Iterable[tuple[object, ...]]) -> list[bytes]:
        """Rows of E, T, U, u, pu, bid, bid size, ask, ask size."""
        template = self._depth
        return [(template % row).encode() for row in rows]

    def cancel(self, *row: object) -> bytes:
        """Write a cancel of E, T, i, trade id, trade time, revision."""
        return (self._cancel % row).encode()

    def correct(self, *row: object) -> bytes:
        """Write a correction of E, T, i, trade id, trade time, revision, price, size."""
        return (self._correct % row).encode()
