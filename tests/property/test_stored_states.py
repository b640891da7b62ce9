"""States that were written by an earlier commit are read, and the fold goes on as if nothing had been."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from vectors.make import FOLDS, digests, step

STATES = sorted((Path(__file__).parents[1] / "vectors" / "states").glob("*.json"))


def test_every_fold_of_every_topic_has_a_state() -> None:
    found = {tuple(json.loads(path.read_text())[name] for name in ("fold", "topic")) for path in STATES}
    assert found == {(fold, topic) for fold, (_, topics) in FOLDS.items() for topic in topics}


@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_a_stored_state_restores_and_goes_on(path: Path) -> None:
    stored = json.loads(path.read_text())
    fold = FOLDS[stored["fold"]][0](stored["topic"], [bytes.fromhex(part) for part in stored["state"]])
    rest = [bytes.fromhex(value) for value in stored["rest"]]
    assert digests(step(stored["fold"], fold, rest, stored["after"])) == stored["comes"]
