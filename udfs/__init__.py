"""Pure kernels: what a record means. No engine, no clock, no chance, no environment (law 8)."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def warmup() -> None:
    """Compile every kernel that is not in the cache yet (about 20 s of one core), or load it (about a second)."""
    codec = import_module("udfs.codec")
    for module in iter_modules(codec.__path__, "udfs.codec."):
        import_module(module.name)
