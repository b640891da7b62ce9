"""``polyglot versions`` and ``restate``: what is listed, and what is refused before anything is recorded."""

import json
from dataclasses import replace

import pytest

import operations.cutovers
import runtime.readers.releases
from batch.ranges import Span
from operations.releases import Release
from polyglot.cli import restate, run, verify
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.readers.releases import CURRENT, restated_days, schedule
from schemas.catalog import DAY
from schemas.versions import Held, Schedule

#: Starts and ends of windows: a part of a day, of three, and a whole one.
RESTATED = [(DAY, DAY + 1), (3 * DAY - 1, 4 * DAY + 1), (9 * DAY, 10 * DAY)]
RANGE = ["--from", "2026-01-05", "--to", "2026-01-06"]


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The release topic, empty, and a release that runs."""
    found = []
    release = Release("r1", "code", "c1", "0", tmp_path)
    monkeypatch.setenv("POLYGLOT_VAR_DIR", str(tmp_path))
    monkeypatch.setattr(runtime.readers.releases, "events", lambda _: list(found))
    monkeypatch.setattr(operations.cutovers, "record", lambda _, new: found.extend(new))
    monkeypatch.setattr("operations.releases.packed", lambda *_: release)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "versions.toml").write_text(
        '[bar]\njob = "analytics"\nby = "window"\ncurrent = 1\n[bar.versions]\n1 = "one"\n2 = "two"\n'
    )
    return release, found


def test_what_holds_is_listed_and_saved_for_replays_without_a_broker(log, tmp_path, capsys):
    release, found = log
    found.append(operations.cutovers.restatement(release, "bar", 2, 0, 86_400_000_000))
    saved = tmp_path / "versions.json"
    assert run(["versions", "--save", str(saved), "--json"]) == Exit.OK
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["family"], line["version"], line["release"], line["commit"]) == ("bar", 2, "r1", "c1")
    assert line["where"] == "windows that start from 1970-01-01T00:00:00Z and before 1970-01-02T00:00:00Z"
    expected = Schedule((Held("bar", 2, 0, 86_400_000_000, restated=True),))
    assert schedule(None, str(saved)) == schedule(None) == expected
    assert schedule(None, CURRENT) == Schedule()


def test_a_file_that_is_no_schedule_is_refused(tmp_path):
    (tmp_path / "wrong").write_text('[{"family": "bar"}]')
    for name in ("wrong", "missing"):
        with pytest.raises(CommandError, match=f"--versions .*{name}") as error:
            schedule(None, str(tmp_path / name))
        assert error.value.code == Exit.USAGE


def test_days_whose_windows_were_restated_since_a_proof_are_compared_again(log, monkeypatch):
    release, found = log
    found += [operations.cutovers.restatement(release, "bar", 2, start, end) for start, end in RESTATED]
    for one, at in zip(found, (5, 7, 9), strict=True):
        one["recorded_at"] = at
    found.append({**found[0], "restated": False, "recorded_at": 9, "window_start": None, "window_end": None})
    days = [restated_days(found, since) for since in (0, 6, 7, 8, 10)]
    assert days == [{1, 2, 3, 4, 9}, {2, 3, 4, 9}, {2, 3, 4, 9}, {9}, set()]
    kept = []
    monkeypatch.setattr("operations.proofs.keep", lambda *_: kept.append("proof") or "p")
    new = verify.New("2", "1", [Span(0, DAY)], since=9)
    with pytest.raises(CommandError, match="restated while they were compared"):
        verify._kept(Settings(), {}, new)
    assert verify._kept(Settings(), {}, replace(new, since=10))["proof_id"] == "p" and kept == ["proof"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([*RANGE, "--to-version", "9"], "there is no version 9 of bar; release r1 and this code have 1, 2"),
        (["--from", "2026-01-06", "--to", "2026-01-05", "--to-version", "2"], "the range is empty"),
        (["--from", "soon", "--to", "2026-01-05", "--to-version", "2"], "not an ISO date"),
    ],
)
def test_what_cannot_be_restated_is_refused_and_not_recorded(log, capsys, options, message):
    assert run(["restate", *options]) == Exit.USAGE
    assert message in capsys.readouterr().err
    assert log[1] == []


def test_a_restatement_that_is_done_again_is_recorded_once(log):
    release, found = log
    span = restate._span("2026-01-05", "2026-01-06")
    assert [restate._record(Settings(), release, span, version) for version in (2, 2, 1, 2)] == [
        True,
        False,
        True,
        True,
    ]
    assert [one["version"] for one in found] == [2, 1, 2]
