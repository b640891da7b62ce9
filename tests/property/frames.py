"""Frames as the venues write them, and logs of envelopes made of them: disorder, resends, second collectors, bad
input.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import strategies as st
from property.oracle import Raw

from udfs.gate.assign import assign

SECOND = 1_000_000
MIDNIGHT = 1_723_161_600 * SECOND  # 2024-08-09T00:00Z

Builder = Callable[[str, int, int, str, str], bytes]


def _binance(symbol: str, body: dict[str, object]) -> bytes:
    text = json.dumps({"stream": f"{symbol.lower()}@x", "data": body}, separators=(",", ":"))
    return text.encode()


def binance_trade(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    millis = time // 1_000
    body = {"e": "trade", "E": millis + 1, "s": symbol, "t": number, "p": price, "q": size, "T": millis}
    return _binance(symbol, {**body, "m": number % 2 == 0, "M": True})


def sim_cancel(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    millis = time // 1_000
    body = {"e": "tradeCancel", "E": millis, "T": millis, "s": symbol, "i": number, "t": number - 50}
    return _binance(symbol, {**body, "O": millis - number % 7 * 40_000, "r": number % 3})


def sim_correct(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    cancel = json.loads(sim_cancel(symbol, number, time, price, size))["data"]
    return _binance(symbol, {**cancel, "e": "tradeCorrect", "p": price, "q": size})


def binance_agg(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    millis = time // 1_000
    body = {"e": "aggTrade", "E": millis, "a": number, "s": symbol, "p": price, "q": size, "f": 1, "l": 2}
    return _binance(symbol, {**body, "T": millis, "m": number % 2 == 0})


def binance_book(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    body = {"e": "bookTicker", "u": number, "s": symbol, "b": price, "B": size, "a": price, "A": "0", "ps": "PAIR"}
    return _binance(symbol, {**body, "T": time // 1_000, "E": time // 1_000})


def binance_depth(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    millis = time // 1_000
    body = {"e": "depthUpdate", "E": millis, "T": millis, "s": symbol, "U": number, "u": number, "pu": number - 1}
    return _binance(symbol, {**body, "b": [[price, size], ["1", "0"]], "a": []})


def spot_book(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    body = {"u": number, "s": symbol, "b": price, "B": size, "a": price, "A": size}
    return json.dumps(body, separators=(",", ":")).encode()


def _iso(time: int) -> str:
    moment = datetime.fromtimestamp(time // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{time % SECOND:06}Z"


def coinbase_match(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    side = "sell" if number % 2 else "buy"
    body = {"type": "match", "trade_id": number, "product_id": symbol, "time": _iso(time), "side": side}
    return json.dumps({**body, "price": price, "size": size}, separators=(",", ":")).encode()


def coinbase_ticker(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    body = {"type": "ticker", "sequence": number, "product_id": symbol, "time": _iso(time), "best_bid": price}
    return json.dumps({**body, "best_bid_size": size, "best_ask": price, "best_ask_size": "0.0"}).encode()


def _seconds(time: int) -> str:
    return f"{time // SECOND}.{time % SECOND:06}"


def kraken_trade(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    prints = [[price, size, _seconds(time - k), "bs"[k % 2], "l", str(number)] for k in range(1 + number % 3)]
    return json.dumps([number % 5, prints, "trade", symbol]).encode()


def kraken_spread(symbol: str, number: int, time: int, price: str, size: str) -> bytes:
    return json.dumps([7, [price, price, _seconds(time), size, str(number)], "spread", symbol]).encode()


TOPICS: dict[str, tuple[str, Builder, list[str]]] = {
    "raw.sim.trade.v1": ("sim", binance_trade, ["BTCUSDT", "ETHUSDT", "A_1"]),
    "raw.sim.trade_cancel.v1": ("sim", sim_cancel, ["BTCUSDT", "ETHUSDT", "A_1"]),
    "raw.sim.trade_correct.v1": ("sim", sim_correct, ["BTCUSDT", "ETHUSDT"]),
    "raw.binance_coinm.agg_trade.v1": ("binance_coinm", binance_agg, ["BTCUSD_PERP", "ETHUSD_240927"]),
    "raw.binance_usdm.book_ticker.v1": ("binance_usdm", binance_book, ["BTCUSDT", "ETHUSDT"]),
    "raw.binance_usdm.depth.v1": ("binance_usdm", binance_depth, ["BTCUSDT", "ETHUSDT"]),
    "raw.binance_spot.book_ticker.v1": ("binance_spot", spot_book, ["BTCUSDT", "币安人生USDT"]),
    "raw.coinbase.match.v1": ("coinbase", coinbase_match, ["BTC-USD", "ETH-USD"]),
    "raw.coinbase.ticker.v1": ("coinbase", coinbase_ticker, ["BTC-USD"]),
    "raw.binance_spot.unassigned.v1": ("binance_spot", spot_book, ["BTC USDT", "btcusdt", "BTC:USDT"]),
    "raw.kraken.trade.v1": ("kraken", kraken_trade, ["XBT/USD", "ETH/XBT"]),
    "raw.kraken.spread.v1": ("kraken", kraken_spread, ["XBT/USD"]),
}

#: Prices and sizes at the edges of the contract, on both sides, and in forms that only the gate reads.
NUMBERS = [
    "1", "0.5", "61800.30", "0.000000000001", "1000000000000000", "1000000000000000.000000000000",
    "999999999999999.999999999999",
    "0.1000000000000000", "00012.50", "1e3", "1E-12", "+2", "7.", "0", "0.000", "-0", "-1", "1000000000000000.1",
    "1e16",
    "0.0000000000001", "NaN", "Infinity", "", " 1", "1 ", "1,5", "0x10", "\u0661", "9" * 400, ".5", "1e999", "1_000",
    "31622776", "99999999.999999999999",
]  # fmt: skip


#: Source ids of amendments: proper ones of several horizons, and some that are none.
AMENDING = [
    f"amend:{30 * 86_400 * SECOND}:{'0' * 32}", f"amend:{30 * 86_400 * SECOND}:{'f' * 32}",
    f"amend:{600 * SECOND}:{'1' * 32}", f"amend:{86_400 * SECOND}:{'2' * 32}", f"amend:{300 * SECOND}:{'3' * 32}",
    "amend:", f"amend:-5:{'4' * 32}", f"amend:{10**18}:{'5' * 32}", f"amend:{9 * 10**17}:{'6' * 32}",
    f"amend:{600 * SECOND}:xyz", f"amend:0{600 * SECOND}:{'7' * 32}", f"amend:\u0661:{'8' * 32}", "amended",
]  # fmt: skip


def _spoil(payload: bytes, how: int) -> bytes:
    """Return a frame that is broken, or whole but unusual."""
    text = payload.decode()
    edits = [
        payload[:-1],
        payload + b"x",
        b"",
        b"\xff" + payload,
        text.replace(":", " : ").encode(),
        text.replace("BTC", "B\\u0054C").encode(),
        text.replace("true", "null").replace("false", "0").encode(),
        text.replace("1723", "1.723").encode(),
        text.replace("1723", "0").encode(),
        text.replace(':"', ":").encode(),
        text.replace('"p":', '"p":"1","p":').encode(),
        text.replace('"T"', '"Q"').replace('"time"', '"tim"').encode(),
        text.replace('"s"', '"S"').replace("product_id", "product").encode(),
        b"[" * 3_000,
        b"[" + payload + b"]",
        payload.replace(b"}", b',"x":{"y":[1,2,"\xc3\xa9"]}}', 1),
    ]
    return edits[how % len(edits)]


def _other_copy(payload: bytes, other: bytes, how: int) -> bytes:
    """Return a copy as another connection may deliver it, or one that says something else."""
    head, _, inner = payload.partition(b'"data":')
    return [
        other,
        payload[:-2] + b"9" + payload[-2:],
        inner[:-1] if inner else payload,
        payload.replace(b'"type":"match"', b'"type":"last_match"').replace(b'@x"', b'@y"'),
        head[:-1] + b'"data":' + b"{}}",
    ][how % 5]


@dataclass
class _Log:
    venue: str
    build: Builder
    symbols: list[str]
    now: int = MIDNIGHT - 30 * SECOND
    number: int = 100
    seq: dict[str, int] = field(default_factory=dict)
    log: list[Raw] = field(default_factory=list)
    late: list[Raw] = field(default_factory=list)

    def put(
        self, payload: bytes, ingest: int, source: str, event_id: str | None = None, like: bytes | None = None
    ) -> None:
        """Append an envelope, assigned as the payload says, or as another frame (``like``) does."""
        found = assign(self.venue, like or payload)
        self.seq[source] = self.seq.get(source, 0) + 1
        time = found.event_time
        origin = "ingest" if time is None else "venue"
        raw = Raw(
            event_id or found.event_id, found.entity_id, self.venue, found.channel, ingest if time is None else time,
            origin, ingest, source, self.seq[source], payload,
        )  # fmt: skip
        self.log.append(raw)

    def step(self, op: int, pick: int, price: str, size: str) -> None:  # noqa: C901, PLR0912 - a list of cases
        self.now += [1_000, 37_123, SECOND, 20 * SECOND][pick % 4]
        symbol = self.symbols[pick % len(self.symbols)]
        event = self.now - [0, 1_270_000, -1_300_000, 119 * SECOND][pick % 4]
        old = self.log[pick % len(self.log)] if self.log else None
        self.number += 1
        plain = self.build(symbol, self.number, event, "61800.30", "0.006")
        if op <= 3 or old is None:
            self.put(plain, self.now, "a" if pick % 3 else "b")
        elif op <= 5:
            self.log.append(old)  # the producer sent it twice
        elif op == 6:
            self.put(old.payload, self.now, "b")  # a second collector, or the venue sent it again
        elif op == 7:
            self.put(self.build(symbol, self.number, event, price, size), self.now, "a")
        elif op == 8:
            self.put(_spoil(plain, pick), self.now, "a", like=plain if pick % 3 else None)
        elif op == 9:
            far = [121 * SECOND, -6 * SECOND, 365 * 86_400 * SECOND, -365 * 86_400 * SECOND][pick % 4]
            self.put(self.build(symbol, self.number, self.now - far, price, size), self.now, "a")
        elif op == 10:
            self.now += [130 * SECOND, 3_600 * SECOND, 86_400 * SECOND, 4 * 86_400 * SECOND][pick % 4]
        elif op == 11:
            self.put(plain, self.now - 200 * SECOND, "c")  # a collector's backlog
        elif op == 12:
            self.put(plain, self.now, "a", event_id=old.event_id)
        elif op == 13:
            self.log.append(old._replace(channel="depth", source_seq=old.source_seq + 1_000))
        elif op == 14:
            self.seq["a"] = 0  # the collector starts again on the same capture
            self.log += [raw for raw in self.log[:5] if raw.source_id == "a"]
        elif op == 15:
            self.log.append(old._replace(payload=_other_copy(old.payload, plain, pick)))
        elif op == 16:  # an event that came too late, and its amendment
            numbers = (price, size) if pick % 8 == 7 else ("61800.30", "0.006")
            self.put(self.build(symbol, self.number, self.now - 400 * SECOND, *numbers), self.now, "a")
            self.late.append(self.log[-1])
            self.amend(self.log[-1], pick)
        elif op == 17:  # amended once more, or what is not late
            self.amend(self.late[pick % len(self.late)] if self.late and pick % 4 else old, pick)

    def amend(self, old: Raw, pick: int) -> None:
        """Append an amendment of a record, mostly a proper one."""
        source = AMENDING[pick % len(AMENDING)]
        self.seq[source] = self.seq.get(source, 0) + 1
        suffix = "" if pick % 11 == 10 else "~amended"
        ingest = self.now - [0, 0, 0, 100 * SECOND, 40 * 3_600 * SECOND, 80 * 3_600 * SECOND][pick % 6]
        event = ingest if old.event_time_source == "ingest" else old.event_time
        amended = old._replace(event_id=old.event_id + suffix, event_time=event, ingest_time=ingest)
        self.log.append(amended._replace(source_id=source, source_seq=self.seq[source]))


def _step(code: int) -> tuple[int, int, str, str]:
    code, op = divmod(code, 18)
    code, pick = divmod(code, 48)
    size, price = divmod(code % len(NUMBERS) ** 2, len(NUMBERS))
    return op, pick, NUMBERS[price], NUMBERS[size]


@st.composite
def _steps(draw: st.DrawFn) -> list[tuple[int, int, str, str]]:
    """Take the steps out of one drawn string: a draw for each would be most of the time, and the logs short."""
    count = draw(st.integers(0, 60))
    drawn = draw(st.binary(min_size=5 * count, max_size=5 * count))
    return [_step(int.from_bytes(drawn[5 * k : 5 * k + 5])) for k in range(count)]


@st.composite
def logs(draw: st.DrawFn, topic: str) -> list[Raw]:
    """Draw the log of one shard."""
    venue, build, symbols = TOPICS[topic]
    log = _Log(venue, build, symbols)
    for step in draw(_steps()):
        log.step(*step)
    return log.log
