"""How kernels are compiled and where the machine code is kept.

Numba's own cache looks at the time stamp of the one file a function stands in. A kernel calls helpers in other files,
so an upgrade could leave old machine code in use. Ours is named after a digest of all kernel sources: code that was
compiled from other sources is never found. Every kernel has exactly one signature; processes that start at the same
time write equal files, each put in place atomically.
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
    for path in sorted(Path(__file__).parent.glob("*.py")):
        state.update(path.name.encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def kernel(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for one signature, through the cache, when its module is imported."""

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")(function)
        cache = dispatcher._cache  # noqa: SLF001 - numba has no public way to name cache files
        stamp = sources_digest()
        base = f"{cache._impl.filename_base}-{stamp}"  # noqa: SLF001
        cache._cache_file = IndexDataCacheFile(cache._cache_path, base, stamp)  # noqa: SLF001
        dispatcher.compile(result(*arguments))
        dispatcher.disable_compile()
        return dispatcher

    return compiled


#: A helper that kernels inline; it has no cache of its own.
helper = numba.njit(inline="never", boundscheck=False, error_model="numpy")
