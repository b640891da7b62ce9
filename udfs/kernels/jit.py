"""How kernels are compiled and where the machine code is kept.

Numba's own cache looks at the time stamp of the one file a function stands in. A kernel calls helpers in other files,
so an upgrade could leave old machine code in use. Ours is named after a digest of all kernel sources: code that was
compiled from other sources is never found. Every kernel has exactly one signature; processes that start at the same
time write equal files, each put in place atomically.

Kernels are compiled without reference counting: they get every array from their caller and keep none, so the counting
around each access only costs (a third of normalize). Numba then refuses a kernel that allocates. The option is private,
so it stands here and nowhere else, and ``tests/unit/udfs/kernels/test_kernels.py`` fails when numba drops it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba
from numba import types
from numba.core.caching import IndexDataCacheFile

#: What every kernel and helper is compiled with.
OPTIONS = {"boundscheck": False, "error_model": "numpy", "_nrt": False}
#: Folders of ``udfs/`` that hold kernels, or constants that are compiled into them.
FOLDERS = ("kernels", "values", "windows")
#: Bytes that are only read: wire buffers, Arrow buffers.
BYTES = types.Array(types.uint8, 1, "C", readonly=True)
OUT = types.Array(types.uint8, 1, "C")
I64 = types.Array(types.int64, 1, "C")
I32 = types.Array(types.int32, 1, "C")
I8 = types.Array(types.int8, 1, "C")
LONG = types.int64


@lru_cache(maxsize=1)
def sources_digest() -> str:
    """Return a digest of every kernel source."""
    state = blake2b(digest_size=8)
    root = Path(__file__).parents[1]
    for folder in FOLDERS:
        for path in sorted(root.joinpath(folder).rglob("*.py")):
            state.update(path.relative_to(root).as_posix().encode())
            state.update(path.read_bytes())
    return state.hexdigest()


def kernel(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for one signature, through the cache, when its module is imported."""

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(nogil=True, cache=True, **OPTIONS)(function)
        cache = dispatcher._cache  # noqa: SLF001 - numba has no public way to name cache files
        stamp = sources_digest()
        base = f"{cache._impl.filename_base}-{stamp}"  # noqa: SLF001
        cache._cache_file = IndexDataCacheFile(cache._cache_path, base, stamp)  # noqa: SLF001
        dispatcher.compile(result(*arguments))
        dispatcher.disable_compile()
        return dispatcher

    return compiled


#: A helper that kernels may inline; it has no cache of its own.
helper = numba.njit(inline="never", **OPTIONS)
#: A helper that kernels always inline: for what runs several times a record.
inlined = numba.njit(forceinline=True, **OPTIONS)
