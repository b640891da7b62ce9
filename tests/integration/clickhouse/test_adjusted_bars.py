"""Both times of adjusted closes, asked of ClickHouse and of the kernel: what is in effect, and what was known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pyarrow.parquet as pq
import pytest

from batch.ranges import Days
from batch.spark.clickhouse import Endpoint, fetch
from operations import migrate
from udfs.corporate_actions.adjust import adjust
from udfs.corporate_actions.history import Action, Close, History

DAY = 86_400_000_000
SECOND = 1_000_000
ENTITY = "v:A"
CLOSES = [
    Close(ENTITY, day, 0, str(100 + day), "10", "", "USD", "as_traded", "f", day * DAY + SECOND) for day in range(5)
]


def announced(name, revision, ex_date, amount, known, status="announced"):
    return Action(
        ENTITY, name, revision, status, "cash_dividend", ex_date, Fraction(1), Fraction(amount), "USD", "", known * DAY
    )


#: One in time, one late, one corrected late, one announced ahead and cancelled in time.
ACTIONS = [
    announced("a", 0, 2, 1, 1), announced("b", 0, 1, 2, 5), announced("a", 1, 3, "1.5", 6), announced("c", 0, 4, 3, 1),
    announced("c", 1, 4, 3, 2, "cancelled"),
]  # fmt: skip
TIMES = sorted({event.known for event in (*ACTIONS, *CLOSES)})


def bars(known_at):
    """Return the bars of what was known at a time."""
    known = [[event for event in events if event.known <= known_at] for events in (ACTIONS, CLOSES)]
    return adjust(History(ENTITY, *known))[1]


def expected(known_at, as_of):
    found = {}
    for bar in bars(known_at):
        if bar["as_of"] <= as_of and bar["as_of"] >= found.get(bar["date"], bar)["as_of"]:
            found[bar["date"]] = bar
    return {day: Decimal(bar["adjusted_close"]).scaleb(-12) for day, bar in sorted(found.items())}


def iso(day):
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def cell(name, value):
    return Decimal(value).scaleb(-12) if name in ("adjusted_close", "total_return_close", "adjusted_volume") else value


@pytest.fixture(scope="module")
def client(gateway):
    one = gateway.client()
    migrate.apply(one, "d", migrate.read())
    for known_at in (*TIMES, TIMES[-1]):  # what runs after each event publish; the last one twice
        rows = bars(known_at)
        values = [[cell(name, value) for name, value in row.items()] for row in rows]
        one.insert("adjusted_bars_history", values, column_names=list(rows[0]), database="d")
    yield one
    one.close()


def asked(client, view):
    query = (
        f"select toInt32(toUnixTimestamp64Milli(toDateTime64(date, 3, 'UTC')) / 86400000), adjusted_close from d.{view}"
    )
    return dict(sorted(client.query(query).result_rows))


@pytest.mark.parametrize("as_of", range(6))
def test_what_was_known_at_a_time_as_of_a_date(client, as_of):
    for known_at in (TIMES[0] - 1, *TIMES, TIMES[-1] + DAY):
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=known_at)).strftime("%Y-%m-%d %H:%M:%S.%f")
        view = f"adjusted_bars_as_known_at(known_at = '{moment}', as_of = '{iso(as_of)}')"
        assert asked(client, view) == expected(known_at, as_of), moment


def test_now_and_as_of_a_date(client):
    assert asked(client, "adjusted_bars_latest") == expected(TIMES[-1], 99)
    for as_of in range(5):
        assert asked(client, f"adjusted_bars_as_of(as_of = '{iso(as_of)}')") == expected(TIMES[-1], as_of)


def test_a_version_is_there_once_and_the_table_has_the_latest(client, gateway, tmp_path):
    endpoint = Endpoint("127.0.0.1", gateway.port, "root", "r", "d")
    assert fetch(endpoint, "adjusted_bars_history", Days(None, None), tmp_path / "h")
    keys = [(row["date"], row["as_of"], row["version"]) for row in pq.read_table(tmp_path / "h").to_pylist()]
    published = {(iso(r["date"]), iso(r["as_of"]), r["version"]) for known_at in TIMES for r in bars(known_at)}
    assert sorted(keys) == sorted(published)
    assert fetch(endpoint, "adjusted_bars", Days(None, None), tmp_path / "b")
    latest = {(row["date"], row["as_of"]): row["version"] for row in pq.read_table(tmp_path / "b").to_pylist()}
    assert latest == {(iso(row["date"]), iso(row["as_of"])): row["version"] for row in bars(TIMES[-1])}
