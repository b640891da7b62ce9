"""What the tutorial and the README change is one close of one bar, and the tutorial takes it back exactly."""

import re

import pytest
from support.chdb_engine import Engine

from runtime.config import ROOT

BAR = (
    "insert into bars (entity_id, interval, window_start, window_end, open, high, low, close, volume, notional, vwap, "
    "trade_count, first_trade_id, last_trade_id, buy_volume, buy_notional, version) values ('sim:BTCUSDT', '{}', "
    "'2026-01-05 00:0{}:00', '2026-01-05 00:01:00', 1, 1, 1, 100.123456789012, 3, 300, 100, 7, '1', '7', 1, 100, 7)"
)


def inserts(page):
    return re.findall(r'polyglot query "(insert into bars.*?)"', (ROOT / page).read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with Engine(tmp_path_factory.mktemp("chdb")) as one:
        yield one


def test_one_close_is_changed_and_taken_back(engine):
    for interval, minute in (("1m", 0), ("1m", 1), ("5m", 0)):
        engine.ask(BAR.format(interval, minute))
    whole = "select * except inserted_at from bars_latest order by interval, window_start"
    before = engine.ask(whole)
    spoil, restore = inserts("docs/tutorial/first-run.md")
    engine.ask(spoil)
    changed = [line for line in engine.ask(whole).splitlines() if line not in before.splitlines()]
    assert [line.split(b"\t")[8] for line in changed] == [b"100.133456789012"]
    engine.ask(restore)
    assert engine.ask(whole) == before


def test_the_readme_makes_the_same_change():
    assert inserts("README.md") == inserts("docs/tutorial/first-run.md")[:1]
