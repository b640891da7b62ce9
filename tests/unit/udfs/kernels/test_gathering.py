"""Scattered slices into one buffer."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from udfs.kernels.gathering import gather
from udfs.kernels.slices import Slices


@pytest.mark.parametrize("seed", range(20))
def test_slices_of_any_size_come_one_after_the_other(seed: int) -> None:
    chance = Random(seed)
    data = np.frombuffer(chance.randbytes(5_000), dtype=np.uint8)
    size = [chance.choice([0, 1, 7, 8, 9, 33, 700]) for _ in range(chance.randrange(40))]
    start = [chance.randrange(5_000 - each + 1) for each in size]
    slices = Slices(data, np.array(start, dtype=np.int64), np.array(size, dtype=np.int64))
    out, offsets = np.full(sum(size) + 8, 255, dtype=np.uint8), np.empty(len(size) + 1, dtype=np.int32)
    assert gather(*slices.parts, out, offsets) == sum(size)
    assert out[: sum(size)].tobytes() == b"".join(slices.tolist())
    assert out[sum(size) :].tolist() == [255] * 8
    assert offsets.tolist() == [0, *np.cumsum(size).tolist()]
