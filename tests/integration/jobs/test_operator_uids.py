"""State is found again by the uids of operators: a job whose uids change goes on without its state.

``tests/vectors/operator_uids.json`` has those of every operator with state. If one must change, change it there, too,
and say in the commit what becomes of running jobs.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.absent import absent
from support.flink_uids import uids

from runtime.maven import connector_jars

PINNED = json.loads((Path(__file__).parents[2] / "vectors" / "operator_uids.json").read_text())

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    if not connector_jars():
        absent("no connectors are built: make setup")
    return uids(list(PINNED), tmp_path_factory.mktemp("jobs"))


@pytest.mark.parametrize("job", ["ingest", "normalize", "analytics"])
def test_operators_with_state_have_the_uids_that_running_jobs_have(found: dict[str, list[str]], job: str) -> None:
    assert found[job] == PINNED[job]
    names = [line.split("  ")[0] for line in found[job]]
    assert "(none)" not in names
    assert len(set(names)) == len(names)
