"""Other frameworks: their environment, why they are skipped, and that they write the light loop's records."""

import json
import subprocess

import pytest

from benchmarks.loops.light import Numbers
from benchmarks.others import run
from benchmarks.others.numbering import numbered, own_id
from collectors.sim import SimSpec, Simulator
from runtime.config import Settings
from runtime.console import Console


def _uv(monkeypatch, code, stderr=""):
    calls = []

    def answer(command, **_):
        calls.append(command)
        if command[1] == "venv":
            (type(run.LOCK)(command[-1]) / "bin").mkdir(parents=True, exist_ok=True)
        return subprocess.CompletedProcess(command, code, "", stderr)

    monkeypatch.setattr(run.subprocess, "run", answer)
    monkeypatch.setattr(run.shutil, "which", lambda _: "/somewhere/uv")
    return calls


def test_what_cannot_be_installed_is_skipped_with_the_reason(monkeypatch, tmp_path):
    _uv(monkeypatch, 1, "no such host\nmore")
    found = run.measured(Settings(cache_dir=tmp_path), Console(quiet=True), 10, 5, 1)
    assert found == {"found": {name: {"skipped": "skipped: no such host"} for name in run.FLOWS}}
    with pytest.raises(run.SkippedError, match="no such host"):
        run.environment(tmp_path)  # and it is tried again


def test_an_environment_is_made_once_for_the_same_pins(monkeypatch, tmp_path):
    calls = _uv(monkeypatch, 0)
    python = run.environment(tmp_path)
    assert len(calls) == 2
    assert "--require-hashes" in calls[1]
    assert run.environment(tmp_path) == python
    assert len(calls) == 2
    (tmp_path / "bench-others" / "pins").write_text("others")
    run.environment(tmp_path)
    assert len(calls) == 4


def test_their_records_are_those_of_the_light_loop():
    loop, seqs, compared = Numbers(), {}, 0
    for block in Simulator(SimSpec(seed=2, symbols=3, malformed_share=0.0), 500).blocks(0):
        for channel, payload in zip(block.channel, block.payload, strict=True):
            if channel not in {"trade", "book_ticker"}:
                continue
            for _, value in loop.add(payload):
                frame = json.loads(payload)["data"]
                key = (frame["e"], frame["s"])
                seqs[key] = seqs.get(key, 0) + 1
                assert numbered(frame, seqs[key]) == json.loads(value)
                assert own_id(frame) == json.loads(value)["id"]
                compared += 1
    assert compared > 400
