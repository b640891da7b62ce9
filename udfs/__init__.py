"""Pure kernels: what a record means. No engine, no clock, no chance, no environment (law 8)."""

from __future__ import annotations

from importlib import import_module

_COMPILED = ("reading", "identity", "admitting", "scanning", "writing", "gathering", "watching", "narrowing")


def warmup() -> None:
    """Compile every kernel that is not in the cache yet (about 15 s of one core), or load it (about a second)."""
    for name in _COMPILED:
        import_module(f"udfs.codec.{name}")
