"""What a released version saved, this version restores, and comes to the same bytes."""

import json

import pytest
from support.golden import AFTER, FOLDER, digests, load
from support.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

VERSIONS = sorted(one.name for one in FOLDER.iterdir())


@pytest.fixture
def stack(tmp_path):
    one = Stack(tmp_path, memory_mb=2560, slots=8)
    try:
        one.json("up")
        yield one
    finally:
        one.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_restored_and_goes_on_to_the_known_bytes(stack, version):
    load(stack, FOLDER / version)
    done = stack.json("submit")
    assert [one["restored_from"] for one in done] == [str(stack.layout.savepoints / one["name"]) for one in done]
    stack.json(*AFTER)
    assert digests(stack) == json.loads((FOLDER / version / "digests.json").read_text())
