"""For all tests: the fast ones first, what starts processes is marked so by its folder, and Hypothesis' profiles.

``quick`` (the default) draws the same examples on every run; ``nightly`` searches for some minutes, ``thorough`` for
hours (``pytest --hypothesis-profile=thorough``).
``mutations`` looks for a failure, not for the shortest one: tests/mutations.py uses it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from support import evidence
from support.patience import patient

HERE = Path(__file__).parent
#: Folders in the order their tests run; what is in `integration` starts real processes. Two workers share it by files:
#: what takes longest comes first; beside it runs what waits most of its time; what computes comes last.
ORDER = (
    "unit", "property", "integration/scenarios", "integration/stack", "integration/collectors",
    "integration/clickhouse", "integration/pipeline", "integration/batch", "integration",
)  # fmt: skip

_SLOW_MACHINES = [HealthCheck.too_slow]  # a loaded CI machine must not fail a property that holds

settings.register_profile(
    "quick", max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile(
    "thorough", max_examples=2_000, deadline=None, database=None, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile(
    "nightly", max_examples=400, deadline=None, database=None, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile(
    "mutations", settings.get_profile("quick"), max_examples=10, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by folder and sort them: a wrong line is told in seconds, not after the clusters have run."""
    for item in items:
        if item.path.is_relative_to(HERE / "integration"):
            item.add_marker(pytest.mark.integration)
        if limit := item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(patient(limit.args[0])), append=False)
    items.sort(key=_place)  # stable: the order within a folder stays, and with it module fixtures


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let `--dist loadfile` give some folders to one worker as a whole."""
    if config.getvalue("dist") != "loadfile":
        return None
    from support.scheduling import LoadFolderScheduling

    return LoadFolderScheduling(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember failed tests, so that their stacks keep their logs."""
    if report.failed:
        evidence.failures.append(report.nodeid)


def _place(item: pytest.Item) -> int:
    return next(at for at, place in enumerate(ORDER) if item.path.is_relative_to(HERE / place))
