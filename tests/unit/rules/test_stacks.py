"""What costs minutes: a stack of its own is for the long tier, and for the story of a stack's life."""

import re

import pytest

from runtime.config import ROOT

FOLDER = ROOT / "tests" / "integration"
#: Places that may start one on every commit: the one that all scenarios share, the one that is killed part by part,
#: and the empty one for a released version's savepoints.
PER_COMMIT = {"scenarios/conftest.py", "stack/conftest.py", "stack/test_golden_savepoints.py"}
#: Fixtures of folders whose tests are all long.
OF_LONG_TESTS = {"pipeline/conftest.py", "airflow/conftest.py"}
#: A call of `Stack` or `started`, or the fixture of pipeline/conftest.py.
STARTS = re.compile(r"\b(?:Stack|started)\(|\bpipeline\b[,)]")
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py"))


@pytest.mark.parametrize("name", [name for name in FILES if STARTS.search((FOLDER / name).read_text())])
def test_a_stack_is_started_by_few(name):
    text = (FOLDER / name).read_text()
    marked = re.search(r"^pytestmark = .*\bpytest\.mark\.long\b", text, re.MULTILINE)
    assert marked or name in PER_COMMIT or name in OF_LONG_TESTS, (
        "a further stack costs minutes on every commit: make it a scenario (docs/howto/development.md), or long"
    )


def test_those_that_may_do():
    assert {name for name in FILES if STARTS.search((FOLDER / name).read_text())} >= PER_COMMIT


@pytest.mark.parametrize("folder", [name.removesuffix("/conftest.py") for name in sorted(OF_LONG_TESTS)])
def test_a_folders_tests_are_all_long(folder):
    for path in (FOLDER / folder).glob("test_*.py"):
        assert re.search(r"^pytestmark = .*\bpytest\.mark\.long\b", path.read_text(), re.MULTILINE), path.name
