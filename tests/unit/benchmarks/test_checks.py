"""What a run holds its outputs against, and that it refuses what differs."""

from decimal import Decimal

import pytest
from orjson import dumps, loads

from benchmarks.loops import run
from benchmarks.loops.bars import Bars
from benchmarks.loops.contracts import RejectedError
from benchmarks.loops.light import Numbers
from benchmarks.loops.same_work import Normalizer
from benchmarks.preload import Expected, _Oracle, longer
from benchmarks.stages import windows
from benchmarks.topics import Digest
from collectors.sim import SimSpec, Simulator
from collectors.wrap import Wrapper
from runtime.config import Settings
from runtime.console import CommandError


@pytest.fixture(scope="module")
def made():
    """Return what the kernels make of frames, the good frames, and the envelopes of both channels that are numbered."""
    source = Simulator(SimSpec(seed=9, symbols=4, duplicate_share=0.05, malformed_share=0.02), 8_000)
    wrapper, oracle, good, envelopes = Wrapper("sim", source.source_id), _Oracle(), [], []
    for block in source.blocks(0):
        wire = wrapper.wrap(block)
        good += [block.payload[i] for i in oracle.take(block, wire)]
        envelopes += [v for c, v in zip(block.channel, wire, strict=True) if c in ("trade", "book_ticker")]
    manifest = source.manifest.document()
    assert oracle.expected.normalized.count == sum(manifest["normalized"].values())
    assert oracle.expected.numbered.count == oracle.expected.normalized.count
    assert sum(count for count, _ in oracle.expected.seconds.values()) == oracle.expected.normalized.count
    assert len(good) > oracle.expected.normalized.count  # copies are among them
    assert len(envelopes) == len(good) + oracle.expected.rejected
    return oracle.expected, good, envelopes


def written(monkeypatch, found):
    monkeypatch.setattr(run, "values", lambda _settings, _topics: iter(found))


def lines(loop, frames):
    found = [value for frame in frames for _, value in loop.add(frame)]
    return found + [value for _, value in loop.close()]


def changed(found, **change):
    return [dumps({**loads(found[0]), **change}), *found[1:]]


def test_numbers_of_the_light_loop_are_those_of_the_kernels(made, monkeypatch):
    expected, good, _ = made
    found = lines(Numbers(), good)
    written(monkeypatch, found)
    run.LIGHT.check(Settings(), expected)
    for wrong in (found[1:], [*found, found[0]], changed(found, seq=2), changed(found, id=1), changed(found, time=1)):
        written(monkeypatch, wrong)
        with pytest.raises(CommandError, match="the light loop wrote"):
            run.LIGHT.check(Settings(), expected)


def test_bars_of_the_light_loop_have_the_counts_and_volumes_of_plain_sums(made, monkeypatch):
    expected, good, _ = made
    found = lines(Bars(), good)
    written(monkeypatch, found)
    run.BARS.check(Settings(), expected)
    trades = [one for one in found if loads(one)["kind"] == "trade"]
    others = [one for one in found if loads(one)["kind"] != "trade"]
    for wrong in (found[1:], changed(found, count=0), changed(trades, volume=1e-9) + others, changed(found, second=1)):
        written(monkeypatch, wrong)
        with pytest.raises(CommandError, match="bars are wrong"):
            run.BARS.check(Settings(), expected)


def test_records_of_the_same_work_loop_are_those_of_the_kernels(made, monkeypatch):
    expected, _, envelopes = made
    loop, found, rejected = Normalizer(), [], 0
    for value in envelopes:
        try:
            out = loop.add(value)
        except RejectedError:
            rejected += 1
        else:
            found += [out[1]] if out else []
    monkeypatch.setattr(run, "ends", lambda _settings, _topic: {0: rejected})
    written(monkeypatch, found)
    run.SAME_WORK.check(Settings(), expected)
    written(monkeypatch, [found[0][:-1] + b"\1", *found[1:]])
    with pytest.raises(CommandError, match="the same-work loop wrote"):
        run.SAME_WORK.check(Settings(), expected)
    written(monkeypatch, found)
    monkeypatch.setattr(run, "ends", lambda _settings, _topic: {0: rejected - 1})
    with pytest.raises(CommandError, match="rejected"):
        run.SAME_WORK.check(Settings(), expected)


def test_a_digest_knows_no_order_and_every_byte():
    assert Digest.of([b"a", b"b"]) == Digest.of([b"b", b"a"])
    assert Digest.of([b"a", b"b"]) != Digest.of([b"a", b"c"])
    assert Digest.of([b"a", b"a"]) != Digest.of([b"a"])


def test_longer_windows_are_sums_of_seconds():
    seconds = {("trade", "X", 59): (2, Decimal("1.5")), ("trade", "X", 60): (1, Decimal(2))}
    seconds["trade", "Y", 3] = (1, Decimal(1))
    assert dict(longer(seconds, 60)) == {
        ("trade", "X", 0): (2, Decimal("1.5")), ("trade", "X", 60): (1, Decimal(2)), ("trade", "Y", 0): (1, Decimal(1)),
    }  # fmt: skip


def test_expected_bars_are_of_five_intervals_and_quote_bars_of_one():
    seconds = {("trade", "X", 61): (2, Decimal("1.5")), ("bookTicker", "X", 61): (3, Decimal(0))}
    found = windows(Expected(seconds=seconds))
    assert len(found) == 6
    assert found["bar", "sim:X", "1m", 60_000_000] == (2, 1_500_000_000_000)
    assert found["quote_bar", "sim:X", "1s", 61_000_000] == (3, 0)
