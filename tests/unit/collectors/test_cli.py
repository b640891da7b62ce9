import gzip
import json

import pytest

from polyglot.cli import run
from runtime.console import Exit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--simulate", "5"], "no such venue"),
        (["sim"], "where the frames come from"),
        (["sim", "--simulate", "5", "--capture", "x"], "where the frames come from"),
        (["kraken", "--simulate", "5"], "only the venue sim"),
        (["sim", "--simulate", "5", "surplus"], "only the venue sim"),
        (["sim", "--simulate", "5", "--start", "noon"], "--start"),
        (["sim", "--simulate", "5", "--late-max", "500"], "horizon"),
        (["sim", "--simulate", "5", "--speed", "quick"], "--speed"),
        (["sim", "--capture", "/nowhere/x.gz"], "no such capture"),
        (["sim", "--live", "X"], "no live feed"),
    ],
)
def test_wrong_usage_is_told_and_exits_with_2(capsys, arguments, message):
    assert run(["feed", *arguments]) == Exit.USAGE
    assert message in capsys.readouterr().err


def test_writing_a_capture_reports_and_saves_what_to_expect(capsys, tmp_path):
    target, manifest = tmp_path / "c.gz", tmp_path / "m" / "expected.json"
    arguments = ["feed", "sim", "--simulate", "3000", "--write", str(target), "--manifest", str(manifest), "--json"]
    assert run(arguments) == Exit.OK
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == 3000 == report["manifest"]["frames"]
    assert json.loads(manifest.read_text()) == report["manifest"]
    assert gzip.decompress(target.read_bytes()).count(b"\n") == 3000


def test_a_start_time_is_exact_and_utc(capsys, tmp_path):
    for text in ("2025-03-01T12:00:00.123456", "2025-03-01T13:00:00.123456+01:00", "2025-03-01T12:00:00.123456Z"):
        assert run(["feed", "sim", "--simulate", "1", "--start", text, "--write", str(tmp_path / "c"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["manifest"]["spec"]["start_us"] == 1_740_830_400_123_456


def test_without_a_broker_it_exits_with_3(capsys, monkeypatch):
    monkeypatch.setenv("POLYGLOT_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr("collectors.producer.CONNECT_TIMEOUT_S", 0.5)
    assert run(["feed", "sim", "--simulate", "5"]) == Exit.UNAVAILABLE
    assert "polyglot up" in capsys.readouterr().err
