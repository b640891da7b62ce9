"""A collector that `polyglot chaos` holds: it feeds nothing meanwhile, and loses nothing when it goes on."""

import signal
import time

from support.patience import patient, wait_for

from devstack.chaos import collectors
from devstack.chaos.collectors import Collector

FRAMES = 4_000


def test_a_held_collector_loses_nothing(broker, tmp_path, monkeypatch, request):
    # Started in the background, pytest and its children may ignore Ctrl-C; `polyglot chaos` sees to that, too.
    monkeypatch.setattr(collectors, "_END_S", patient(60))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    for name, value in broker.env.items():
        if name.startswith("POLYGLOT_"):
            monkeypatch.setenv(name, value)
    path = tmp_path / "held.gz"
    broker.polyglot("feed", "sim", "--simulate", str(FRAMES), "--seed", "77", "--malformed", "0", "--write", str(path))
    since, there = broker.ends("sim"), broker.count("sim")
    collector = Collector("sim", path, 0.1)  # twenty seconds
    collector.start()
    try:
        wait_for(lambda: broker.count("sim") > there + FRAMES // 20, 90, "the collector feeds nothing")
        collector.hold()
        held = broker.count("sim")
        assert held < there + FRAMES, "it was through before it was held"
        assert not collector.through()
        assert broker.count("sim") == held
        monkeypatch.setattr(collector, "_command", ["max" if part == "0.1" else part for part in collector._command])
        collector.release()
        collector.finish(time.monotonic() + patient(90))
    finally:
        collector.kill()
    assert collector.restarts == 0
    # The interrupt may cost it a delivery report: it repeats what it does not know to be there.
    assert {one.body["source_seq"] for one in broker.records("sim", since)} == set(range(1, FRAMES + 1))
