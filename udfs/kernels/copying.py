"""A helper of kernels: bytes copied as the machine copies them, not one after the other.

Two arrays may overlap for all that a compiler knows, so a loop over bytes stays one: 1.4 ns a byte, where this takes a
tenth of that.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


@intrinsic
def copy_bytes(_typing: Any, out: Any, at: Any, data: Any, begin: Any, size: Any) -> Any:  # noqa: ARG001 - their types
    """Copy ``data[begin : begin + size]`` to ``out[at]`` and behind; the two must not overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, source = (make_array(signature.args[k])(context, builder, arguments[k]).data for k in (0, 2))
        to, source = builder.gep(to, [arguments[1]]), builder.gep(source, [arguments[3]])
        cgutils.raw_memcpy(builder, to, source, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(out, types.int64, data, types.int64, types.int64), generate
