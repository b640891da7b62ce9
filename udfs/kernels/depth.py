# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: well-formed Binance depth frames to the update ids that they carry; it accepts or abstains, as
``udfs.kernels.scanning`` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from udfs.kernels.jit import BYTES, I8, I64, LONG, kernel
from udfs.kernels.reading import same
from udfs.kernels.scanning import SCANNED, body_at, flat_object, symbol_ok
from udfs.kernels.slices import Bits, Longs, Octets

NAME = np.frombuffer(b"depthUpdate", dtype=np.uint8)


@kernel(
    LONG, I64, LONG, BYTES, BYTES, BYTES, LONG, LONG, LONG,
    I8, BYTES, I64, I64, BYTES, I64, I64, I8, I64, I64, I64, I8, I64, I64,
)  # fmt: skip
def _scan_depths(  # noqa: C901, PLR0912
    letters: Longs,
    max_number: int,
    name: Octets,
    words: Octets,
    before: Octets,
    max_payload: int,
    earliest: int,
    latest: int,
    todo: Bits,
    payload: Octets,
    payload_at: Longs,
    payload_size: Longs,
    entity: Octets,
    entity_at: Longs,
    entity_size: Longs,
    id_kind: Bits,
    id_low: Longs,
    id_high: Longs,
    event_time: Longs,
    from_ingest: Bits,
    first: Longs,
    last: Longs,
) -> int:
    """Read each frame with ``todo = 1``; an accepted one gets ``todo = 2``, and the update ids that it carries.

    ``first`` stays as it is where these make no sense. Times in µs. Returns how many were accepted.
    """
    letters[:] = 0
    seen, kind, begin, number = letters[:128], letters[128:256], letters[256:384], letters[384:512]
    prefix = len(before)
    count = 0
    for i in range(len(todo)):
        if todo[i] != 1 or id_kind[i] != 1 or payload_size[i] > max_payload:
            continue
        stamp = i + 1
        end = payload_at[i] + payload_size[i]
        at, wrapped = body_at(payload, payload_at[i], end, words)
        if at < 0:
            continue
        at = flat_object(payload, at, end, stamp, seen, kind, begin, number)
        if at < 0:
            continue
        if wrapped:
            if at != end - 1 or payload[at] != 125:
                continue
        elif at != end:
            continue
        if seen[101] != stamp or kind[101] != 1 or number[101] != len(name):
            continue
        if not same(payload, begin[101], name, 0, len(name)):
            continue
        # the instrument is the entity's, the ids are the event's
        if seen[115] != stamp or kind[115] != 1 or not symbol_ok(payload, begin[115], number[115]):
            continue
        if entity_size[i] != prefix + number[115] or not same(entity, entity_at[i], before, 0, prefix):
            continue
        if not same(payload, begin[115], entity, entity_at[i] + prefix, number[115]):
            continue
        if seen[85] != stamp or kind[85] != 2 or number[85] != id_low[i]:
            continue
        if seen[117] != stamp or kind[117] != 2 or number[117] != id_high[i]:
            continue
        time_key = 84 if seen[84] == stamp else 69
        if seen[time_key] != stamp or kind[time_key] != 2 or number[time_key] > 9_000_000_000_000_000:
            continue
        time = number[time_key] * 1_000
        if time < earliest or time >= latest or from_ingest[i] != 0 or event_time[i] != time:
            continue
        after = number[85]
        if seen[0] == stamp and kind[0] == 2:
            after = number[0] + 1
        if after <= number[117] < max_number:
            first[i] = after
            last[i] = number[117]
        todo[i] = SCANNED
        count += 1
    return count


def scan_depths(*arguments: Any) -> int:
    """Run the kernel with a scratch of its own: kernels allocate nothing."""
    return _scan_depths(np.empty(512, dtype=np.int64), *arguments)
