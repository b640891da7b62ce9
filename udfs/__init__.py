"""Pure kernels: what a record means. No engine, no clock, no chance, no environment (law 8)."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages


def warmup() -> None:
    """Compile every kernel that is not in the cache yet (about 20 s of one core), or load it (about a second)."""
    for name in ("udfs.kernels", "udfs.windows"):
        for module in walk_packages(import_module(name).__path__, f"{name}."):
            import_module(module.name)
