"""In CI nobody reads skips: what a test needs must be there."""

import pytest
from support import captures
from support.absent import absent


def test_what_is_absent_is_skipped_by_hand_and_fails_in_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        absent("no such thing")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        absent("no such thing")


def test_a_capture_must_be_there_in_ci_unless_there_are_none_on_purpose(monkeypatch, tmp_path):
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr(captures, "PLACE", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="POLYGLOT_CAPTURES"):
        captures.capture("one.gz")
    (tmp_path / "binance").mkdir()
    (tmp_path / "binance" / "one.gz").touch()
    assert captures.capture("one.gz") == tmp_path / "binance" / "one.gz"
    monkeypatch.setattr(captures, "PLACE", "")
    with pytest.raises(pytest.skip.Exception, match="on purpose"):
        captures.capture("one.gz")
