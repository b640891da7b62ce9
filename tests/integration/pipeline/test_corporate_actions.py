"""From CSV and JSON to ClickHouse: adjusted closes, a dividend announced late, and what was known before it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal

import pytest
from support.captures import capture
from support.patience import wait_for
from support.topics import records, view

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

CLOSES = """\
date,close,volume
2024-05-01,100,10
2024-05-02,102.5,20
2024-05-03,51,30
2024-05-04,,40
2024-05-06,50.000000000000007,40
2024-05-07,49,50
"""
ACTIONS = [
    {"action_id": "s1", "kind": "split", "ex_date": "2024-05-03", "ratio": "2:1",
     "announced_at": "2024-04-01T00:00:00Z"},
    {"action_id": "d1", "kind": "cash_dividend", "ex_date": "2024-05-07", "amount": 1.25, "currency": "USD"},
    {"action_id": "d2", "kind": "cash_dividend", "ex_date": "not a date", "amount": 1.25, "currency": "USD"},
]  # fmt: skip
LATE = {"action_id": "d0", "kind": "cash_dividend", "ex_date": "2024-05-02", "amount": "0.5", "currency": "USD"}
BEFORE, AFTER = "2024-05-08T00:00:00Z", "2024-06-01T00:00:00Z"
ENTITY = "reference:XYZ"


def feed(stack, path, content, as_of, *options):
    path.write_text(content if isinstance(content, str) else "\n".join(json.dumps(one) for one in content))
    fed = stack.json(
        "feed", "reference", "--capture", str(path), "--symbol", "XYZ", "--currency", "USD", "--as-of", as_of, *options
    )
    stack.json("drain", "--timeout", "200")
    return fed


def ask(stack, table):
    found = stack.json("query", f"select toString(date) as d, adjusted_close as a from {table} order by date")
    return {row[0]: Decimal(str(row[1])) for row in found["rows"]}


@contextmanager
def watching(stack):
    """Let `polyglot adjust --watch` follow the topics meanwhile; it ends when it is told to."""
    command = [sys.executable, "-m", "polyglot.cli", "adjust", "--watch", "1"]
    process = subprocess.Popen(command, env=stack.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield
    except BaseException:
        process.kill()
        print(process.communicate()[0])  # noqa: T201 - pytest shows it
        raise
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "4 records published" in said


def await_versions(stack, count):
    def found():
        return int(stack.json("query", "select count() from adjusted_bars_history")["rows"][0][0])

    wait_for(lambda: found() >= count, 240, f"ClickHouse has fewer than {count} versions")
    assert found() == count


def known_at(stack, moment):
    return ask(stack, f"adjusted_bars_as_known_at(known_at = '{moment}', as_of = '2024-12-31')")


def test_a_late_dividend_restates_topic_lake_and_clickhouse_and_the_past_stays_known(pipeline, tmp_path):
    feed(pipeline, tmp_path / "closes.csv", CLOSES, BEFORE)
    feed(pipeline, tmp_path / "actions.jsonl", ACTIONS, BEFORE)
    first = pipeline.json("adjust")
    # As of: each of 5 sessions as traded; 2 before the split and 4 before the dividend as adjusted by what applies.
    assert first["published"] == {"adjustment_factor": 2, "adjusted_bar": 5 + 2 + 4}
    assert first["stored"] == {"silver_adjustment_factor": 2, "gold_adjusted_bar": 11, "adjusted_bars_history": 11}
    dividend = 1 - Decimal("1.25") / Decimal("50.000000000000007")
    plain = {
        "2024-05-01": 50 * dividend, "2024-05-02": Decimal("51.25") * dividend, "2024-05-03": 51 * dividend,
        "2024-05-06": Decimal("48.750000000000007"), "2024-05-07": Decimal(49),
    }  # fmt: skip
    expected = {day: value.quantize(Decimal("1e-12")) for day, value in plain.items()}
    assert ask(pipeline, "adjusted_bars_latest") == expected
    assert ask(pipeline, "adjusted_bars_as_of(as_of = '2024-05-06')") == {
        "2024-05-01": 50, "2024-05-02": Decimal("51.25"), "2024-05-03": 51, "2024-05-06": Decimal("50.000000000000"),
    }  # fmt: skip

    again = pipeline.json("adjust")
    assert set(again["published"].values()) == set(again["stored"].values()) == {0}

    with watching(pipeline):
        feed(pipeline, tmp_path / "late.jsonl", [LATE], AFTER)
        # Restated: the one session before its ex date, at the two breaks after it, and as of the new break.
        await_versions(pipeline, 11 + 3)
    restated = expected | {"2024-05-01": (Decimal("49.75") * dividend).quantize(Decimal("1e-12"))}
    assert ask(pipeline, "adjusted_bars_latest") == restated
    assert known_at(pipeline, "2024-05-31 23:59:59") == expected
    assert known_at(pipeline, "2024-06-01 00:00:00") == restated
    assert known_at(pipeline, "2024-05-07 23:59:59") == {}

    bootstrap = pipeline.settings.kafka.bootstrap_servers
    bars = view(records(bootstrap, "analytics.adjusted_bar.v1", "adjusted_bar"), lambda b: (b["date"], b["as_of"]))
    assert len(bars) == 12
    assert {bar["entity_id"] for bar in bars.values()} == {ENTITY}

    found = pipeline.json("verify")
    assert found["differences"] == 0
    counts = {table["table"]: table["found"] for table in found["tables"]}
    assert counts["normalized.corporate_action.v1"] == 3
    assert counts["normalized.daily_close.v1"] == 5
    assert counts["deadletter.normalization.v1"] == 2
    assert counts["quality.normalization.v1"] == 1  # the split's session: half of the close before, and a little less
    assert (
        counts["analytics.adjusted_bar.v1"] == counts["gold_adjusted_bar"] == counts["clickhouse.adjusted_bars"] == 12
    )
    assert counts["analytics.adjustment_factor.v1"] == counts["silver_adjustment_factor"] == 3

    spoil = "select * except (version, adjusted_close), version + 1 as version, 1 as adjusted_close from adjusted_bars"
    names = "entity_id, date, as_of, source_entity_id, status, currency, basis, close, volume, rules, known_from"
    pipeline.json(
        "query",
        f"insert into adjusted_bars_history ({names}, version, adjusted_close) "
        f"select {names}, version, adjusted_close from ({spoil} final where date = as_of limit 1)",
    )
    found = pipeline.json("verify", "--store", "adjusted", expect=1)
    different = {table["table"]: table["differences"] for table in found["tables"] if table["status"] == "different"}
    assert different == {"clickhouse.adjusted_bars": {"different": 1}}


def test_the_wrong_dividend_is_named_with_its_date(pipeline):
    path = capture("3988-HK-1d-bad-div.csv", "adjustments")
    fed = pipeline.json("feed", "reference", "--capture", str(path), "--symbol", "3988.HK", "--as-of", BEFORE)
    assert fed["topics"] == {"raw.reference.corporate_action.v1": 3, "raw.reference.daily_close.v1": 648}
    pipeline.json("drain", "--timeout", "200")
    found = pipeline.json("adjust", "--entity", "reference:3988.HK")
    assert found["findings"] == [
        {"entity_id": "reference:3988.HK", "ex_date": "2024-07-08", "rule": "dividend_out_of_line"}
    ]
    assert found["published"] == {"adjustment_factor": 3, "adjusted_bar": found["stored"]["gold_adjusted_bar"]}
    counted = {one["rule"]: one["count"] for one in pipeline.json("quality") if "adjust" in one["topic"]}
    assert counted == {
        "dividend_out_of_line": 1, "dividend_exceeds_close": 0, "currency_mismatch": 0, "out_of_range": 0,
    }  # fmt: skip
