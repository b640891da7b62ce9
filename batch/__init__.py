"""Spark: bounded replays of Bronze through the same kernels, and the proof that both engines wrote the same bytes.

For a notebook or a script:

    from batch import replay, verify

    result = verify(stores=["normalized", "analytics"])
    for table, difference in result.first_differences:
        print(table, difference.key, difference.fields)

``batch.api`` documents both. Nothing is imported before it is asked for: commands must start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batch.api import STORES, Replayed, Verified, open_session, replay, verify

__all__ = ["STORES", "Replayed", "Verified", "open_session", "replay", "verify"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("batch.api"), name)
    raise AttributeError(f"module 'batch' has no attribute {name!r}")
