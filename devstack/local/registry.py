"""The schema registry, where one is configured: never started here, only probed and given our contracts."""

from __future__ import annotations

from devstack.local.component import Component
from devstack.local.probes import probe_registry
from runtime.config import Settings


def registry(settings: Settings) -> Component:
    """Return the registry as a component."""
    return Component(
        name="registry",
        command=(),
        url=settings.registry.url or "",
        ports={},
        probe=lambda: probe_registry(settings.registry),
        managed=False,
    )
