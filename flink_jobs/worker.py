"""What a PyFlink worker needs before kernels are imported into it, and whether these are the right ones."""

from __future__ import annotations

import builtins
import gc
import sys
from hashlib import blake2b
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = ("flink_jobs", "schemas", "udfs")


def _digest() -> str:
    state = blake2b(digest_size=8)
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            state.update(f"{path.relative_to(_ROOT)}\0".encode())
            state.update(path.read_bytes())
    return state.hexdigest()


#: Digest of the code that this process has loaded. In thread mode the process is the TaskManager, which keeps what it
#: has imported for as long as it lives, whatever is submitted afterwards.
CODE = _digest()


def demand(submitted: str) -> None:
    """See that a job gets the code that it was submitted with.

    Raises:
        RuntimeError: this process has other code.
    """
    if submitted != CODE:
        raise RuntimeError(
            f"the job was submitted with the code {submitted}, this worker has {CODE}: after an upgrade, restart the "
            "TaskManager and submit the job again"
        )


def let_numba_find_print() -> None:
    """Make the worker's replacement of ``print`` an attribute of the module that it says it is from.

    PyFlink puts a logging ``print`` into builtins; numba looks every builtin up by its module and name when it is
    imported, and fails on this one.
    """
    replaced = sys.modules.get(getattr(builtins.print, "__module__", None) or "")
    if replaced is not None and not hasattr(replaced, "print"):
        replaced.print = builtins.print  # type: ignore[attr-defined]


def collect_garbage_rarely() -> None:
    """Let thousands of short-lived rows pass without a search for cycles among them.

    They hold none and are freed by their reference counts; the searches took half of a worker's time.
    """
    gc.set_threshold(200_000, 20, 100)
