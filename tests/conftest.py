"""Hypothesis profiles: ``quick`` (the default) is the same on every run; ``pytest --hypothesis-profile=thorough`` searches."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_SLOW_MACHINES = [HealthCheck.too_slow]  # a loaded CI machine must not fail a property that holds

settings.register_profile(
    "quick", max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile("thorough", max_examples=2_000, deadline=None, database=None, suppress_health_check=_SLOW_MACHINES)
settings.load_profile("quick")
