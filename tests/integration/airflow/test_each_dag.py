"""Each DAG by Airflow's own scheduler on a real stack, with work to do: that work is done, and proven.

`polyglot_replay`, `polyglot_backfill` and `polyglot_verify_daily` are in ``test_replays.py``; `polyglot_kubernetes`
needs a cluster: it runs against a fake of its API, beside the provider's unit tests.
"""

import gzip
import json

import pytest
from support.patience import wait_for
from support.upgrades import feeding

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

TOO_DEAR = """
["normalized.trade.v1".too_dear]
type = "range"
action = "fail"
field = "price"
most = "{}"
"""
#: A day that no other test of this stack has: 2026-02-02T10:00Z.
HOUR_S, START_S = 3_600, 1_770_026_400


def proven(airflow, run_id, task="parity"):
    """Check that a run's proof found records and no difference; return it."""
    proof = airflow.document(run_id, task)
    assert (proof["passed"], proof["differences"]) == (True, 0)
    assert proof["records"] > 0
    return proof


def feed(stack, *options):
    stack.json("feed", "sim", "--no-resume", *options)
    stack.json("drain", "--timeout", "600")


def feed_frames(stack, path, bodies):
    """Feed frames of (seconds, body), as a capture."""
    lines = (f"{at * 1_000_000_000} {json.dumps(body, separators=(',', ':'))}\n".encode() for at, body in bodies)
    with gzip.open(path, "wb") as out:
        out.writelines(lines)
    feed(stack, "--capture", str(path))


def trade(symbol, number, at):
    body = {"e": "trade", "E": at * 1000, "s": symbol, "t": number, "p": "1.5", "q": "2", "T": at * 1000}
    return {**body, "m": number % 3 == 0}


def test_late_events_are_amended_once_a_person_has_approved(airflow, stack, tmp_path):
    """A trade a second for five minutes; then five that are as old as the first ones."""
    symbol, late = "LATEUSDT", 5
    frames = [(START_S + n, trade(symbol, n, START_S + n)) for n in range(300)]
    frames += [(START_S + 300 + n, trade(symbol, 900 + n, START_S + n)) for n in range(late)]
    feed_frames(stack, tmp_path / "late.gz", frames)
    wanted = {"entity": f"sim:{symbol}", "from": "2026-02-02", "to": "2026-02-03"}
    airflow.trigger("polyglot_amend", "late", wanted)
    airflow.approve("polyglot_amend", "late", "approve")
    airflow.await_success("polyglot_amend", "late")
    assert airflow.document("late", "amend")["amended"] == airflow.document("late", "plan")["amended"] == late
    proven(airflow, "late")


def test_a_rule_is_changed_by_an_upgrade_and_its_letters_are_sent_again(airflow, stack):
    stack.rules.write_text(TOO_DEAR.format("0.000000000001"))
    airflow.run("polyglot_upgrade", "stricter", {"watch": 20})
    proven(airflow, "stricter")
    feed(stack, "--simulate", "500", "--seed", "4", "--start", "2026-02-04T10:00:00")
    letters = stack.json("deadletters", "ls", "--reason", "quality.too_dear")["count"]
    assert letters > 0
    stack.rules.write_text(TOO_DEAR.format("1000000000"))
    airflow.run("polyglot_upgrade", "laxer", {"watch": 20})
    airflow.run("polyglot_redrive", "again", {"reason": "quality.too_dear"})
    assert len(airflow.document("again", "redrive")["copies"]) > 0
    proven(airflow, "again")
    assert stack.json("deadletters", "ls", "--reason", "quality.too_dear")["count"] == letters


def test_a_day_that_a_late_cancel_has_changed_is_repaired(airflow, stack, tmp_path):
    symbol = "REPAIRUSDT"
    at = START_S + 2 * HOUR_S
    cancel = {"e": "tradeCancel", "E": at * 1000, "s": symbol, "i": 1, "t": 5, "T": at * 1000, "r": 1}
    cancel["O"] = (START_S + 5) * 1000
    frames = [(START_S + n, trade(symbol, n, START_S + n)) for n in range(60)]
    frames += [(at - 60 + n, trade(symbol, 100 + n, at - 60 + n)) for n in range(60)] + [(at, cancel)]
    feed_frames(stack, tmp_path / "cancel.gz", frames)
    assert stack.json("status")["attention"]["open_repairs"] > 0
    airflow.run("polyglot_repair", "cancel", {})
    assert stack.json("status")["attention"]["open_repairs"] == 0
    (parity,) = airflow.attempts("cancel", "parity")
    assert json.loads((parity / "out.json").read_bytes())["differences"] == 0


def test_a_corporate_action_that_came_late_restates_adjusted_closes(airflow, stack, tmp_path):
    closes, action = tmp_path / "closes.csv", tmp_path / "action.json"
    closes.write_text("date,close\n2024-05-01,100\n2024-05-02,50\n2024-05-03,51\n")
    split = {"action_id": "s1", "symbol": "CALM", "kind": "split", "ex_date": "2024-05-02", "ratio": "2:1"}
    action.write_text(json.dumps([split]))
    stack.json("feed", "reference", "--capture", str(closes), "--symbol", "CALM", "--currency", "USD")
    airflow.run("polyglot_restate", "closes", {"entity": "reference:CALM"})
    stack.json("feed", "reference", "--capture", str(action))
    airflow.run("polyglot_restate", "split", {"entity": "reference:CALM"})
    proven(airflow, "split")
    query = "select toString(adjusted_close) from adjusted_bars_latest where date = '2024-05-01' order by as_of desc"
    assert stack.json("query", query)["rows"][0][0].startswith("50")


def test_tables_are_maintained_and_topics_are_cut(airflow, stack):
    def due():
        return {one["table"]: one["due"] for one in stack.json("tables", "ls")}

    with feeding(stack, "--start", "2026-01-09T00:00:00"):  # a file in Bronze for each checkpoint
        wait_for(lambda: "clustering" in due()["bronze_raw"], 600, "Bronze does not become due", every=2)
    airflow.run("polyglot_maintenance", "now", {})
    assert airflow.document("now", "tables")["done"]["bronze_raw"] == ["clustering"]
    assert "clustering" not in due()["bronze_raw"]
    assert airflow.document("now", "retention")["applied"] is True


def test_a_stream_that_is_well_keeps_its_promise(airflow):
    airflow.run("polyglot_freshness", "now", {})
    assert set(airflow.states("polyglot_freshness", "now").values()) == {"success"}
