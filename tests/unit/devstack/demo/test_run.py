"""The demo's report has the keys that were promised, whatever it was fed with; nothing runs behind it here."""

import json

import pytest

from collectors.sim import SimSpec, Simulator
from devstack.demo import reconciliation, run
from polyglot.cli import run as command_line
from runtime.config import Settings
from runtime.console import CommandError, Console

FRAMES = 12_000
#: The issue's words.
PROMISED = (
    "raw", "bronze", "normalized", "duplicates", "dead_letters", "silver", "bars", "gold", "clickhouse_rows",
    "verify.records", "verify.differences", "latency_ms.p50", "latency_ms.p99", "set_up_s", "run_s",
)  # fmt: skip


def manifest(count):
    sim = Simulator(SimSpec(seed=7), count)
    for _ in sim.blocks(0):
        pass
    return sim.manifest.document()


def verified(made):
    """Return what `polyglot verify` says when everything came out as it was made."""
    counts = made["normalized"]
    found = {
        **{f"normalized.{kind}.v1": count for kind, count in counts.items()},
        **{f"silver_{kind}": count for kind, count in counts.items()},
        **dict.fromkeys(("analytics.bar.v1", "gold_bar", "clickhouse.bars"), 40),
        **dict.fromkeys(("analytics.quote_bar.v1", "gold_quote_bar", "clickhouse.quote_bars"), 20),
    }
    dead = sum(made["dead_letters"].values())
    return {
        "tables": [{"table": name, "found": count, "status": "equal"} for name, count in found.items()],
        "checks": [
            {
                "name": "raw distinct event ids = Bronze rows", "raw_records": made["frames"],
                "raw_distinct_event_ids": made["unique"], "raw_duplicates": made["duplicates"],
                "bronze_rows": made["unique"], "bronze_let_in_again": 0,
            },
            *({"name": f"entity_seq is dense in normalized.{k}.v1", "frames": n} for k, n in counts.items()),
        ],
        "replay": {
            "balance": {
                "all": {"envelopes": sum(counts.values()) + dead, "frames": sum(counts.values()), "duplicates": 0,
                        "dead_letters": dead, "not_normalized": 0}
            }
        },
        "records": 120, "differences": 0, "passed": True,
    }  # fmt: skip


class Probe:
    """Has seen everything at once."""

    matched = 7

    def __init__(self, settings, venues):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def percentiles(self, after_s=0.0, *, since=0.0):
        return {"p50": 12.0, "p99": 34.0, "max": 56.0, "matched": 7}


@pytest.fixture
def demo(monkeypatch):
    """Run the demo with nothing behind it; `called` are the commands that it gave."""
    made = manifest(FRAMES)
    called = []

    def polyglot(arguments):
        called.append(list(arguments))
        if arguments[0] == "verify":
            return verified(made) | {"exit_code": 0}
        count = int(arguments[arguments.index("--simulate") + 1]) if "--simulate" in arguments else 5
        fed = {"venue": arguments[1], "frames": count, "acked": count, "rate": 5_000, "exit_code": 0}
        return fed | ({"manifest": manifest(count)} if "--simulate" in arguments else {})

    for name in ("down", "up", "submit", "drain"):
        monkeypatch.setattr(run, name, lambda *_, **__: None)
    monkeypatch.setattr(run.time, "sleep", lambda _: None)
    monkeypatch.setattr(run, "LatencyProbe", Probe)
    monkeypatch.setattr(run, "_polyglot", polyglot)
    monkeypatch.setattr(reconciliation, "counts", lambda *_: [])
    monkeypatch.setattr(reconciliation, "_dead_letters", lambda _: (dict(made["dead_letters"]), 0))

    def start(captures=(), frames=FRAMES):
        return run.run(Settings(), Console(quiet=True), list(captures), "binance_usdm", frames, 7)

    start.called, start.monkeypatch = called, monkeypatch
    return start


def at(report, key):
    for step in key.split("."):
        report = report[step]
    return report


def test_the_report_has_every_figure_that_was_promised(demo):
    report = demo()
    assert all(isinstance(at(report, key), int | float) for key in PROMISED), report
    assert report["verify"]["differences"] == 0
    assert run.passed(report)
    assert report["unexpected"] == []
    assert report["made_and_came_out"]["frames"] == (FRAMES, FRAMES)
    assert len(demo.called) == 3  # warm-up, the rest, verify
    assert demo.called[-1] == ["verify", "--fail-on-empty"]


def test_what_was_lost_on_the_way_fails_the_demo(demo):
    demo.monkeypatch.setattr(run, "reconcile", lambda *_: reconciliation.reconcile(*_) | {"trades": 1})
    report = demo()
    assert not run.passed(report)
    assert [line.split(":")[0] for line in report["unexpected"]] == ["trades"]


@pytest.mark.parametrize("part", ["balance", "verify"])
def test_what_does_not_balance_or_differs_fails_the_demo(demo, part):
    broken = {"balance": {"raw (distinct event ids) = bronze": False}, "verify": {"passed": False}}[part]
    demo.monkeypatch.setattr(run, "reconcile", lambda *_: reconciliation.reconcile(*_) | {part: broken})
    report = demo()
    assert report["unexpected"] == []
    assert not run.passed(report)


def test_of_captures_nothing_is_expected(demo, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"1723161255030314667 {}\n")
    report = demo([path])
    assert (report["input"], report["expected"], report["made_and_came_out"]) == (["a"], None, None)
    assert report["unexpected"] == []
    assert [command[:2] for command in demo.called] == [["feed", "binance_usdm"], ["verify", "--limit=20"]]
    assert all(at(report, key) is not None for key in PROMISED)


def test_a_feed_that_failed_ends_the_demo(demo):
    demo.monkeypatch.setattr(run, "_polyglot", lambda _: {"exit_code": 1})
    with pytest.raises(CommandError, match="feeding failed"):
        demo()


@pytest.fixture
def shown(demo, tmp_path, monkeypatch, capsys):
    """Run the command on a demo's report; return its exit code and what it said."""
    monkeypatch.setenv("POLYGLOT_VAR_DIR", str(tmp_path))
    days = [{"day": "2026-01-05", "replayed": 9, "found": 9, "replay_digest": "a", "found_digest": "a", "equal": True}]
    tables = [{"table": "silver_trade", "status": "equal", "days": days, "notes": [], "samples": []}]
    document = {"tables": tables, "checks": [{"name": "a check", "holds": True}], "skipped": {}}
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "verify.json").write_text(json.dumps(document))

    def start(**changes):
        report = demo() | changes
        monkeypatch.setattr(run, "run", lambda *_: report)
        code = command_line(["demo"])
        assert json.loads((tmp_path / "report" / "demo.json").read_text())["raw"] == FRAMES
        return code, capsys.readouterr()

    return start


def test_the_command_prints_the_comparison_and_the_proofs(shown):
    code, said = shown()
    assert code == 0
    for line in (
        "silver_trade\t2026-01-05\t9\t9\ta\ta\tequal",
        "raw records\t12,000",
        "raw = normalized + duplicates + dead letters + kinds not normalized yet\tholds",
        "stream = replay, byte for byte\t0 differences",
    ):
        assert line in said.out
    assert "what the simulator made = what came out" in said.out
    assert "p50 12.0 ms, p99 34.0 ms over 7 records" in said.out


def test_the_command_fails_and_names_what_did_not_come_out(shown):
    code, said = shown(unexpected=["trades: 9 made, 8 came out"])
    assert code == 1
    assert "trades: 9 made, 8 came out" in said.err
    assert "1 differ" in said.out
