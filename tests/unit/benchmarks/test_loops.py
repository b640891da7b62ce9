"""The bare loops against cases written by hand, and against the product's kernels."""

import json
from decimal import Decimal

import pytest

from benchmarks.loops import bars as bars_loop
from benchmarks.loops import light
from benchmarks.loops.bars import Bars
from benchmarks.loops.contracts import RejectedError, limbs, number
from benchmarks.loops.light import Numbers
from benchmarks.loops.same_work import Normalizer as SameWork
from benchmarks.preload import CHANNELS
from collectors.sim import SimSpec, Simulator
from collectors.wrap import Wrapper
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode

T = 1_767_623_400_000  # ms


def trade(number, time=T, price="10.5", size="2", symbol="BTCUSDT", *, maker=False):
    return json.dumps({
        "stream": "x",
        "data": {"e": "trade", "E": time, "T": time, "s": symbol, "t": number, "p": price, "q": size, "m": maker},
    }).encode()  # fmt: skip


def quote(number, time=T, bid="10", ask="11", symbol="BTCUSDT"):
    return json.dumps({
        "stream": "x",
        "data": {"e": "bookTicker", "u": number, "s": symbol, "b": bid, "B": "1", "a": ask, "A": "3", "T": time},
    }).encode()  # fmt: skip


def out(loop, *frames):
    return [(key, json.loads(value)) for frame in frames for key, value in loop.add(frame)]


def test_the_light_loop_numbers_each_kind_of_each_symbol_without_copies():
    frames = [trade(7), trade(7), trade(9, maker=True), quote(7), trade(7, symbol="ETHUSDT"), quote(7), trade(8)]
    found = out(Numbers(), *frames)
    assert [(key, one["kind"], one["id"], one["seq"]) for key, one in found] == [
        ("BTCUSDT", "trade", 7, 1), ("BTCUSDT", "trade", 9, 2), ("BTCUSDT", "quote", 7, 1),
        ("ETHUSDT", "trade", 7, 1), ("BTCUSDT", "trade", 8, 3),
    ]  # fmt: skip
    assert found[1][1] == {
        "kind": "trade", "symbol": "BTCUSDT", "seq": 2, "id": 9, "time": T, "price": "10.5", "size": "2",
        "side": "sell",
    }  # fmt: skip
    assert found[2][1]["bid"] == "10"
    assert found[2][1]["ask_size"] == "3"


def test_ids_are_remembered_for_at_least_so_many_others_and_not_for_ever(monkeypatch):
    monkeypatch.setattr(light, "REMEMBERED", 3)
    recent = light.Recent()
    assert [recent.add(one) for one in (1, 2, 3, 1, 4, 5, 3)] == [True, True, True, False, True, True, False]
    assert [recent.add(one) for one in (6, 7, 8, 9)] == [True] * 4
    assert recent.add(1)
    assert len(recent._new) + len(recent._old) <= 2 * 3


def test_a_bar_holds_its_second_whatever_the_order_and_comes_when_its_symbol_is_past_it():
    second = T // 1000
    loop = Bars()
    assert not out(
        loop,
        trade(2, T + 500, "11", "1"), trade(1, T + 100, "10", "2"), trade(3, T + 900, "9", "4"),
        trade(4, T + 900, "9.5", "8"), trade(3, T + 900, "9", "4"),
    )  # fmt: skip
    assert not out(loop, trade(5, T + 1000 * bars_loop.PATIENCE_S))
    ((key, bar),) = out(loop, trade(6, T + 1000 * (bars_loop.PATIENCE_S + 1)))
    assert key == "BTCUSDT"
    assert bar == {
        "kind": "trade", "symbol": "BTCUSDT", "second": second, "first": T + 100, "last": T + 900, "open": 10.0,
        "high": 11.0, "low": 9.0, "close": 9.5, "volume": 15.0, "count": 4,
    }  # fmt: skip
    assert [json.loads(value)["second"] for _, value in loop.close()] == [second + 15, second + 16]


def test_a_quote_bar_is_the_last_quote_and_how_many_there_were():
    loop = Bars()
    out(loop, quote(1, T + 10), quote(3, T + 30, "12", "13"), quote(2, T + 20, "8", "9"), quote(3, T + 30, "12", "13"))
    ((_, value),) = loop.close()
    bar = json.loads(value)
    assert (bar["count"], bar["bid"], bar["ask"], bar["last"]) == (3, 12.0, 13.0, T + 30)


@pytest.mark.parametrize(
    "text",
    ["NaN", "-1", "0", "1e16", "1.0000000000001", "x", "", [1], 1, "Infinity", "1000000000000000.000000000001"],
)
def test_numbers_that_do_not_fit_are_rejected(text):
    with pytest.raises(RejectedError):
        number(text)


def test_numbers_that_fit_are_exact():
    assert number("1000000000000000") == Decimal(10) ** 15
    assert number("0.000000000001") == Decimal("1e-12")
    assert number("0", zero=True) == 0
    assert limbs("size", Decimal("12345678901.5"), 12, 3) == {
        "size_l0": 1_500_000_000_000 % 10**10, "size_l1": 12345678901500000000000 // 10**10 % 10**10, "size_l2": 123,
    }  # fmt: skip


def test_the_same_work_loop_writes_what_the_kernels_write_and_rejects_what_they_reject():
    source = Simulator(SimSpec(seed=3, malformed_share=0.02, duplicate_share=0.05, symbols=5), 6_000)
    wrapper = Wrapper("sim", source.source_id)
    loop, kernels = SameWork(), {name: Normalizer(f"raw.sim.{name}.v1") for name in CHANNELS}
    seen = {"copies": 0, "rejected": 0}
    for block in source.blocks(0):
        wire = wrapper.wrap(block)
        for name, kernel in kernels.items():
            values = [value for channel, value in zip(block.channel, wire, strict=True) if channel == name]
            expected = kernel.process(decode(values)[0])
            written, rejected, copies = [], 0, 0
            for value in values:
                try:
                    found = loop.add(value)
                except RejectedError:
                    rejected += 1
                    continue
                copies += found is None
                if found:
                    written.append(found)
            assert [value for _, value in written] == expected.trades.encode() + expected.quotes.encode()
            assert [key.encode() for key, _ in written] == expected.trades.keys() + expected.quotes.keys()
            assert (rejected, copies) == (len(expected.dead_letters), expected.duplicates)
            seen["copies"] += copies
            seen["rejected"] += rejected
    assert seen["copies"] > 10
    assert seen["rejected"] > 50


def test_the_same_work_loop_rejects_what_is_no_envelope():
    with pytest.raises(RejectedError, match="unknown_schema"):
        SameWork().add(b"\0\0\0\0\xff....")
