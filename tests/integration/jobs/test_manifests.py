"""State is found again by the uids of operators, and read by folds that know its version.

``savepoints/manifests/`` says for each job which operators keep state, and which versions of it are restored. If one
must change, write it anew (``python tests/support/manifests.py``) and say in the commit what becomes of savepoints.
"""

from __future__ import annotations

import pytest
from support.absent import absent
from support.manifests import JOBS, built

from runtime.maven import connector_jars
from savepoints.compatibility import compare
from savepoints.manifest import FOLDER, Manifest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Manifest]:
    if not connector_jars():
        absent("no connectors are built: make setup")
    return built(JOBS, tmp_path_factory.mktemp("jobs"))


@pytest.mark.parametrize("job", JOBS)
def test_jobs_keep_the_state_that_their_manifest_says(found: dict[str, Manifest], job: str) -> None:
    pinned, now = Manifest.read(FOLDER / f"{job}.json"), found[job]
    assert now == pinned
    assert compare(pinned, now).same
    assert "None" not in now.operators
    assert [uid for uid in now.operators if uid.endswith("(thread)") and not now.operators[uid].states] == []
