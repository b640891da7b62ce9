"""What a PyFlink worker process needs before kernels are imported into it."""

from __future__ import annotations

import builtins
import gc
import sys


def let_numba_find_print() -> None:
    """Make the worker's replacement of ``print`` an attribute of the module that it says it is from.

    PyFlink puts a logging ``print`` into builtins; numba looks every builtin up by its module and name when it is
    imported, and fails on this one.
    """
    replaced = sys.modules.get(getattr(builtins.print, "__module__", None) or "")
    if replaced is not None and not hasattr(replaced, "print"):
        replaced.print = builtins.print  # type: ignore[attr-defined]


def collect_garbage_rarely() -> None:
    """Let a micro-batch's thousands of short-lived rows pass without a search for cycles among them.

    They hold none and are freed by their reference counts; the searches took half of a worker's time.
    """
    gc.set_threshold(200_000, 20, 100)
