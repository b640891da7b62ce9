"""What a job is configured with."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_jobs import environment
from flink_jobs.environment import BOUNDED, start
from runtime.config import Settings
from runtime.replay_order import ReplayOrder


@pytest.mark.parametrize(("flink", "ends"), [({}, False), ({"bounded": True}, True), ({"replay": Path("order")}, True)])
def test_a_run_with_an_end_gives_up_and_one_without_never_does(monkeypatch, flink, ends):
    given = {}

    class Options:
        def set_string(self, name, value):
            given[name] = value

    class Environments:
        @staticmethod
        def get_execution_environment(configuration):
            return None

    monkeypatch.setattr(environment, "Configuration", Options)
    monkeypatch.setattr(environment, "StreamExecutionEnvironment", Environments)
    monkeypatch.setattr(environment, "settings", lambda: Settings(flink=flink))
    monkeypatch.setattr(ReplayOrder, "load", classmethod(lambda cls, path: None))
    start("normalize")
    assert {name: given.get(name) for name in BOUNDED} == (BOUNDED if ends else dict.fromkeys(BOUNDED))
