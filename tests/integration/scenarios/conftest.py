"""The stack that all scenarios share: started when the first of them runs; fed, drained and verified once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.scenario import Outcome, Scenario
from support.stack import Stack, started

from runtime.config import ROOT

#: Rules of the scenarios beside those that are shipped: no capture has such prices.
RULES = """
["normalized.trade.v1".absurd]
type = "range"
action = "fail"
field = "price"
most = "1000000000"

["normalized.trade.v1".dear]
type = "range"
action = "flag"
field = "price"
most = "500000000"
"""


@dataclass
class World:
    """The outcome, and what went wrong while a scenario fed."""

    outcome: Outcome
    failed: dict[type[Scenario], BaseException]


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    shipped = (ROOT / "schemas" / "quality.toml").read_text()
    with started(tmp_path_factory.mktemp("shared"), shipped + RULES) as one:
        yield one


@pytest.fixture(scope="session")
def _world(request: pytest.FixtureRequest, shared_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Feed the scenarios of the tests that were selected, those of `-k midnight` for example, and no other."""
    found = {item.cls for item in request.session.items if isinstance(item, pytest.Function) and item.cls is not None}
    scenarios = [one for one in found if issubclass(one, Scenario)]
    failed: dict[type[Scenario], BaseException] = {}
    for scenario in sorted(scenarios, key=lambda one: (one.order, one.__module__, one.__name__)):
        folder: Path = tmp_path_factory.mktemp(scenario.__name__)
        try:
            scenario().feed(shared_stack, folder)
        except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - others go on
            failed[scenario] = error
    drained = shared_stack.json("drain", "--timeout", "600")
    verified = shared_stack.run("verify", "--limit", "200", "--json")
    document = json.loads(verified.stdout or "{}")
    assert document, f"exit {verified.returncode}\n{verified.stderr}"
    return World(Outcome(shared_stack, drained, document, verified.returncode == 0), failed)


@pytest.fixture
def outcome(request: pytest.FixtureRequest, _world: World) -> Outcome:
    """What became of what was fed; a scenario whose feed failed gets that error instead."""
    if error := _world.failed.get(request.cls):
        raise error
    return _world.outcome
