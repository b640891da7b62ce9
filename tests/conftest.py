"""For all tests: the fast ones first, what starts processes is marked so by its folder, and Hypothesis' profiles.

``quick`` (the default) draws the same examples on every run; ``pytest --hypothesis-profile=thorough`` searches.
``mutations`` looks for a failure, not for the shortest one: tests/mutations.py uses it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

HERE = Path(__file__).parent
#: Folders in the order their tests run; everything from `integration` on starts real processes.
ORDER = ("unit", "property", "integration", "e2e")

_SLOW_MACHINES = [HealthCheck.too_slow]  # a loaded CI machine must not fail a property that holds

settings.register_profile(
    "quick", max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile(
    "thorough", max_examples=2_000, deadline=None, database=None, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile(
    "mutations", settings.get_profile("quick"), max_examples=10, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by folder and sort them: a wrong line is told in seconds, not after the clusters have run."""
    for item in items:
        if _place(item) >= ORDER.index("integration"):
            item.add_marker(pytest.mark.integration)
    items.sort(key=_place)  # stable: the order within a folder stays, and with it module fixtures


def _place(item: pytest.Item) -> int:
    folder = item.path.relative_to(HERE).parts[0]
    return ORDER.index(folder) if folder in ORDER else len(ORDER)
