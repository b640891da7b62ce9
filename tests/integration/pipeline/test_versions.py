"""An upgrade in the middle of a day changes a formula, adds a field and a rule; every replay says what was published.

Prices are such that a second's vwap lies half-way between two numbers: half to even and half up differ in each.
"""

import json
from decimal import Decimal

import pytest
from support.checkout import checkout
from support.stack import started
from support.topics import records, values, view
from support.upgrades import upgrade

from schemas.contracts import contract

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

SECOND = 1_000_000
NOON = 1_723_118_400 * SECOND  # 2024-08-08T12:00Z
CHANGE, AFTER = NOON + 660 * SECOND, "2024-08-08T12:11:00Z"
#: Fed before the upgrade and behind it, s; how late some trades of the second part are.
FIRST, SECONDS, LATE = range(600), range(600, 900), 100
DEAR = '["normalized.trade.v1".dear]\ntype = "range"\naction = "fail"\nfield = "price"\nmost = "8"\n'
ENTITY = "binance_usdm:BTCUSDT"


def trade(number, time, price):
    body = {"e": "trade", "E": time // 1000, "T": time // 1000, "s": "BTCUSDT", "t": number, "p": price, "q": "1"}
    return {**body, "X": "MARKET", "m": number % 2 == 0}


def frames(which):
    """Two trades a second, of which each tenth second has a dear one more, and each third one that is late."""
    for n in which:
        now = NOON + n * SECOND
        yield now + 500_000, trade(10 * n + 1, now, "1.000000000000")
        yield now + 500_000, trade(10 * n + 2, now + 1_000, "1.000000000001")
        if n % 10 == 5:
            yield now + 500_000, trade(10 * n + 3, now + 2_000, "9")
        if n % 3 == 1 and n > LATE:
            yield now + 500_001, trade(10 * n + 4, now - LATE * SECOND + 3_000, "1.000000000001")
        if n % 10 == 0:
            quote = {"e": "bookTicker", "u": n, "s": "BTCUSDT", "b": "1.5", "B": "2", "a": "1.6", "A": "3"}
            yield now + 500_000, {**quote, "T": now // 1000, "E": now // 1000}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack whose jobs run this checkout; ``new`` is one with another version, ``rules`` the file of its rules."""
    folder = tmp_path_factory.mktemp("versions")
    with started(folder, rules="") as one:
        one.new = checkout(folder / "new", {"schemas/versions.toml": ("current = 1", "current = 2")})
        yield one


def feed(stack, which, folder):
    path = folder / f"{which.start}"
    path.write_text("".join(f"{at * 1000} {json.dumps(body, separators=(',', ':'))}\n" for at, body in frames(which)))
    stack.json("feed", "binance_usdm", "--capture", str(path))
    assert stack.json("drain", "--timeout", "600")["open_repair_requests"] == 0


def bars(stack):
    """Return the latest version of each bar with the version of its contract, by interval and start."""
    bootstrap, topic = stack.settings.kafka.bootstrap_servers, "analytics.bar.v1"
    found = records(bootstrap, topic, "bar")
    for bar, value in zip(found, values(bootstrap, topic), strict=True):
        bar["contract"] = 1 if value[:5] == contract("bar", 1).header else 2
    return view(found, lambda bar: (bar["interval"], bar["window_start"]))


def vwap(trades, cents, version):
    """Return the vwap of trades of 1 whose prices sum to ``trades`` and so many 1e-12."""
    whole, rest = divmod(cents, trades)
    up = 2 * rest > trades or (2 * rest == trades and (version == 2 or whole % 2 == 1))
    return Decimal(10**12 + whole + up).scaleb(-12)


def demand(stack, restated=range(0)):
    """See that each bar is by the version of its window's start, and that nothing differs; return the bars."""
    found = bars(stack)
    for (interval, start), bar in found.items():
        again = bar["interval"] in ("1s", "1m", "5m", "1h") and start in restated
        version = 2 if start >= CHANGE or again else 1
        assert bar["contract"] == version, (interval, start)
        assert (bar["last_trade_time"] is not None) == (version == 2)
        assert bar["version"] == bar["trade_count"] + (again << 40), (interval, start)
        if interval == "1s" and bar["high"] < 2:
            cents = int((Decimal(bar["notional"]) - bar["trade_count"]).scaleb(12))
            assert bar["vwap"] == vwap(bar["trade_count"], cents, version), start
    assert stack.json("verify", "--fail-on-empty")["differences"] == 0
    return found


def test_an_upgrade_in_the_middle_of_a_day(stack, tmp_path):
    feed(stack, FIRST, tmp_path)
    assert {bar["contract"] for bar in bars(stack).values()} == {1}
    stack.rules.write_text(DEAR)
    _, errors = upgrade(stack, stack.new, "apply", "--effective-from", "2024-08-08T12:05", expect=2)
    assert "bar cannot change from 2024-08-08T12:05:00Z on: windows up to 2024-08-08T12:09:59Z are published" in errors
    planned, _ = upgrade(stack, stack.new, "plan", "--effective-from", AFTER)
    assert planned["versions"][0] == {"family": "bar", "version": 2, "where": f"windows that start from {AFTER}"}
    upgrade(stack, stack.new, "apply", "--effective-from", AFTER, "--watch", "20")
    feed(stack, SECONDS, tmp_path)

    found = demand(stack)
    corrected = [bar for (interval, start), bar in found.items() if interval == "1s" and bar["trade_count"] == 3]
    assert {bar["contract"] for bar in corrected if bar["high"] < 2} == {1, 2}  # late trades of both
    assert found["1d", NOON // (86_400 * SECOND) * 86_400 * SECOND]["contract"] == 1
    assert found["1m", CHANGE]["contract"] == 2
    times = [trade["event_time"] for trade in records(
        stack.settings.kafka.bootstrap_servers, "normalized.trade.v1", "trade") if trade["price"] == 9
    ]  # fmt: skip
    assert len(times) == len(FIRST) // 10
    assert max(times) < NOON + 600 * SECOND
    letters = stack.json("deadletters", "ls", "--reason", "quality.dear", "--limit", "1")
    assert letters["count"] == len(SECONDS) // 10
    told = [(one["family"], one["version"], one["action"]) for one in stack.json("versions")]
    assert told == [
        ("bar", 1, "submit"), ("normalize", 1, "submit"), ("bar", 2, "apply"), ("normalize", 1, "apply")
    ]  # fmt: skip
    rows = stack.json("query", "select countIf(last_trade_time is not null), count() from bars_latest")["rows"]
    (timed, every) = map(int, rows[0])
    assert timed == sum(start >= CHANGE for _, start in found) < every


def test_published_windows_are_restated_and_go_on_by_the_new_formula(stack, tmp_path):
    before = bars(stack)
    done, _ = upgrade(
        stack, stack.new, "restate", "--from", "2024-08-08T12:00", "--to", "2024-08-08T12:05", "--to-version", "2",
        "--watch", "15",
    )  # fmt: skip
    restated = range(NOON, NOON + 300 * SECOND)
    concerned = [key for key in before if key[0] != "1d" and key[1] in restated]
    assert (done["recorded"], done["published"]) == (True, len(concerned))
    stack.json("drain", "--timeout", "600")
    demand(stack, restated)
    feed(stack, range(900, 960), tmp_path)  # the hour began in the range that was restated, and goes on
    after = demand(stack, restated)
    assert after["1h", NOON]["trade_count"] > before["1h", NOON]["trade_count"]


def test_flink_replays_each_range_by_its_versions(stack):
    """The log has the offsets from which rules hold. Copies from Bronze have others: they are refused."""
    found, _ = upgrade(stack, stack.new, "verify", "--engine", "both")
    assert (found["passed"], found["differences"]) == (True, 0)
    assert {one["table"] for one in found["engines"]} > {"normalized.trade.v1", "analytics.bar.v1"}
    assert all(one["flink"] for one in found["engines"] if one["table"] == "deadletter.normalization.v1")
    _, errors = upgrade(stack, stack.new, "replay", "--engine", "flink", "--source", "bronze", expect=2)
    assert "on another version of normalize or other rules hold" in errors


def test_a_bounded_run_of_flink_says_the_same_again(stack):
    before = {key: bar["version"] for key, bar in bars(stack).items()}
    upgrade(stack, stack.new, "submit", "--bounded")
    stack.json("drain", "--timeout", "600")
    bootstrap = stack.settings.kafka.bootstrap_servers
    again = records(bootstrap, "analytics.bar.v1", "bar")
    assert {(bar["interval"], bar["window_start"]): bar["version"] for bar in again} == before
    assert stack.json("verify")["differences"] == 0
