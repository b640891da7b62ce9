"""``polyglot repair`` and ``amend`` before they reach anything: usage, and a broker that is away."""

import json
from types import SimpleNamespace

import pytest

import batch.repair.amend
from batch.ranges import Span
from batch.repair.amend import Found, Late
from batch.repair.coverage import Coverage
from batch.repair.requests import Request, coalesce
from operations import amending, drain, tally
from operations.attention import Attention
from operations.repairs import Backlog
from polyglot.cli import amend, repair, run
from polyglot.cli.repair import POLL_S, follow
from runtime import offsets
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from schemas.catalog import DAY

SPAN = ["--entity", "sim:A", "--from", "2024-08-08", "--to", "2024-08-09"]


@pytest.mark.parametrize("command", ["repair", "amend"])
def test_each_command_has_examples_and_exit_codes_in_its_help(command, capsys):
    assert run([command, "--help"]) == Exit.OK
    shown = capsys.readouterr().out
    assert "Examples" in shown
    assert "Exit codes" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["amend", *SPAN[:4]],
        ["amend", *SPAN[:3], "yesterday", *SPAN[4:]],
        ["amend", *SPAN[:5], "2024-08-07"],
        ["amend", *SPAN, "--horizon", "soon"],
        ["amend", *SPAN, "--horizon", "forever"],
        ["amend", *SPAN, "--horizon", "0d"],
        ["amend", *SPAN, "--horizon", "3654d"],
    ],
)
def test_wrong_usage_reaches_nothing(arguments):
    assert run(arguments) == Exit.USAGE


def test_without_a_broker_repair_is_unavailable(monkeypatch, capsys):
    monkeypatch.setenv("POLYGLOT_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setattr(offsets, "_TIMEOUT_S", 0.5)
    assert run(["repair"]) == Exit.UNAVAILABLE
    assert "polyglot up" in capsys.readouterr().err


def test_what_waits_says_who_answers_it():
    letters = {"late": 7, "future": 1, "conflict": 3}
    waiting = Attention(3, letters, complete=False, amendments=1, amended_events=2, to_amend=4, conflicts=2)
    assert waiting.rows() == [
        ["repair requests", "3 open", "polyglot repair"],
        ["too late, not settled", "at least 4 events", "polyglot amend"],
        ["amended events", "2 in 1 amendments", ""],
        ["conflicts", "at least 2 contents", "polyglot deadletters ls --reason conflict"],
    ]
    shown = waiting.document()
    assert (shown["open_repairs"], shown["late"], shown["behind_dedup_window"], shown["to_amend"]) == (3, 7, 0, 4)
    quiet = Attention(0, letters, complete=True, amendments=1, amended_events=2, to_amend=0, conflicts=0)
    assert [row[2] for row in quiet.rows()] == [""] * 4


def test_what_amend_settled_is_what_no_amendment_can_change(monkeypatch):
    """Copies of accepted events, what was amended, and what no horizon helps; what is beyond this one stays open."""
    made = [Late("raw.sim.trade.v1", (name, "sim:A", *(None,) * 8)) for name in "abcdef"]
    copied, before, never, beyond, taken, _ = made
    monkeypatch.setattr(
        batch.repair.amend, "within", lambda *_: ([taken], {"late": [beyond], "wrong_identity": [never]})
    )
    found = Found([before, never, beyond, taken], [copied], {}, {"b"})
    what, events, document, settled = amend._decide(found, "sim:A", Span(0, 10), 5)
    assert (events, what.events, sorted(settled)) == ([taken], 1, ["a", "b", "c"])
    assert (document["late"], document["amended_before"], document["accepted_in_time"]) == (4, 1, 1)
    assert (document["beyond_the_horizon"], document["refused"]) == (1, {"wrong_identity": 1})


@pytest.mark.parametrize("dry", [True, False])
def test_amend_settles_what_it_found_and_what_it_sent(dry, monkeypatch, tmp_path, capsys):
    sent = []
    time = 1_723_075_200_000_000
    payload = json.dumps({"e": "trade", "E": 1, "s": "A", "t": 7, "p": "1", "q": "1", "T": time // 1_000, "m": True})
    row = ("sim:A:trade:7", "sim:A", "sim", "trade", time, "venue", time, "a", 1, payload.encode())
    taken, copied = Late("raw.sim.trade.v1", row), Late("raw.sim.trade.v1", ("sim:A:trade:8", *row[1:]))
    found = Found([taken], [copied], {"raw.sim.trade.v1": time + 3_600_000_000})
    monkeypatch.setenv("POLYGLOT_VAR_DIR", str(tmp_path))
    monkeypatch.setattr(drain, "await_bronze", lambda *_: {})
    monkeypatch.setattr(amend, "_find", lambda *_: found)
    monkeypatch.setattr(amending, "catch_up", lambda *_: None)
    monkeypatch.setattr(amending, "submit", lambda _settings, what, events, _newest: sent.append((what, events)))
    monkeypatch.setattr(tally, "cluster_of", lambda _: "one")
    assert run(["amend", *SPAN, "--no-repair", "--json", *(["--dry-run"] if dry else [])]) == Exit.OK
    document = json.loads(capsys.readouterr().out)
    assert (document["late"], document["accepted_in_time"], document["amended"], document["refused"]) == (1, 1, 1, {})
    assert [events for _, events in sent] == ([] if dry else [[taken]])
    names = ["sim:A:trade:8"] if dry else ["sim:A:trade:7", "sim:A:trade:8"]
    assert tally.settled(Settings(), "one") == set(map(tally.digest_of, names))


class Stopped(BaseException):
    """Ends a watch, as a signal does."""


def watch(looks, rest_s=60.0):
    """Follow `looks` (backlogs or errors) and return (what was answered, the pauses)."""
    rest, answered, pauses = iter(looks), [], []

    def look():
        found = next(rest, None)
        if found is None:
            raise Stopped
        if isinstance(found, Exception):
            raise found
        return found

    with pytest.raises(Stopped):
        follow(Console(quiet=True), look, lambda backlog: answered.append(backlog) or [], rest_s, pauses.append)
    return answered, pauses


def asking(count):
    return Backlog(requests=[Request("sim:A", "trade", DAY, 2 * DAY, "revised")] * count)


def test_a_watch_answers_a_flood_at_once_and_then_rests():
    flood = asking(500)
    assert watch([Backlog(), flood, flood, Backlog()]) == ([flood, flood], [POLL_S, 60.0, 60.0, POLL_S])


def test_a_watch_waits_for_services_and_dies_of_anything_else():
    away, late = CommandError("no", code=Exit.UNAVAILABLE), CommandError("late", code=Exit.TIMEOUT)
    assert watch([away, late, asking(1)]) == ([asking(1)], [POLL_S, POLL_S, 60.0])
    with pytest.raises(CommandError, match="broken"):
        watch([CommandError("broken", code=Exit.FAILED)])


def test_requests_that_a_replay_covered_are_committed_without_another(monkeypatch):
    committed, replayed = [], []
    monkeypatch.setattr("operations.drain.await_bronze", lambda *_: {("raw.sim.trade.v1", 0): 9})
    monkeypatch.setattr("operations.repairs.commit", lambda _, backlog: committed.append(backlog))
    monkeypatch.setattr(repair, "answer_all", lambda _settings, _console, _session, tasks, _: replayed.append(tasks))
    monkeypatch.setattr(repair, "show", lambda *_: None)
    answered, session = Coverage(), SimpleNamespace(get=lambda _: None)
    for backlog in (asking(3), asking(2)):
        repair._answer(None, Console(quiet=True), session, backlog, answered, "repair-watch", 1.0)
    assert committed == [asking(3), asking(2)]
    assert replayed == [coalesce(asking(3).requests)]


def test_a_watch_writes_no_document():
    assert run(["repair", "--watch", "--json"]) == Exit.USAGE
