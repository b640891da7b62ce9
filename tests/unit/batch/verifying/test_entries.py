"""Which of a topic's records count, by entries in ranges and files, is what sets and dictionaries say."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.verifying import entries
from batch.verifying.entries import NUMBERED, PLAIN, Keep, Settling, Spill, ill_numbered, ranges_for
from batch.verifying.sums import NO_DAY, added

#: Few values, so that groups, orders and hashes meet.
small = st.integers(0, 5)
rows = st.lists(st.tuples(small, small, small, small, st.sampled_from([0, 1, NO_DAY]), st.booleans()), max_size=40)


def settled(found: list[Any], kind: Any, keep: Keep, ranges: int, cuts: int) -> list[entries.Settled]:
    """Write entries in several parts, and settle all ranges."""
    with TemporaryDirectory() as folder:
        chunks = []
        for number in range(cuts):
            spill = Spill(Path(folder), ranges)
            mine = found[number::cuts]
            for first in range(0, len(mine), 3):
                spill.add(np.array(mine[first : first + 3], kind))
                if first % 2:
                    spill.flush()
            spill.flush()
            chunks += spill.chunks
        _, each = Settling("", kind, keep, tuple(chunks), tuple(range(ranges))).run()
    return each


def wanted(found: list[Any], keep: Keep) -> set[Any]:
    """Return the records that count."""
    if keep is Keep.FIRST:
        firsts = {group: min(one[1] for one in found if one[0] == group) for group in {one[0] for one in found}}
        return {one for one in found if one[1] == firsts[one[0]]}
    if keep is Keep.LATEST:
        newest = {group: max(one[1] for one in found if one[0] == group) for group in {one[0] for one in found}}
        return {one for one in found if one[1] == newest[one[0]]}
    return set(found)


@pytest.mark.parametrize("keep", Keep)
@given(found=rows, ranges=st.sampled_from([1, 2, 4]), cuts=st.integers(1, 3), places=st.permutations(range(40)))
def test_what_counts(keep: Keep, found: list[Any], ranges: int, cuts: int, places: list[int]) -> None:
    if keep is Keep.FIRST:  # no two records of a log have one place
        found = [(one[0], place, *one[2:]) for one, place in zip(found, places, strict=False)]
    else:  # equal bytes are equal in all
        alike: dict[Any, Any] = {}
        found = [alike.setdefault(one[2:4], one) for one in found]
    each = settled(found, PLAIN, keep, ranges, cuts)
    kept = wanted(found, keep)
    assert sum(one.records for one in each) == len(kept)
    assert sum(one.groups for one in each) == len({one[0] for one in kept})
    sums = added(one.sums for one in each)
    inside = [one for one in kept if one[5]]
    assert {day: one.rows for day, one in sums.items()} == {
        day: sum(one[4] == number for one in inside)
        for day, number in (("1970-01-01", 0), ("1970-01-02", 1), ("(not readable)", NO_DAY))
        if any(one[4] == number for one in inside)
    }
    assert sum(one.parts[1] for one in sums.values()) == sum(one[2] for one in inside)
    assert sum(one.parts[3] for one in sums.values()) == sum(one[3] for one in inside)


def numbered(series: dict[int, list[int]]) -> list[Any]:
    """Return an entry for each number of some series; each is another event."""
    pairs = [(one, number) for one, numbers in series.items() for number in numbers]
    return [(at, 0, at, at, 0, True, one, number, at) for at, (one, number) in enumerate(pairs)]


@given(
    st.dictionaries(st.integers(0, 5), st.lists(st.integers(1, 9), min_size=1, max_size=9)),
    st.sampled_from([1, 2, 4]),
)
def test_which_series_are_not_dense(series: dict[int, list[int]], ranges: int) -> None:
    each = settled(numbered(series), NUMBERED, Keep.DISTINCT, ranges, 2)
    ill = sum(sorted(numbers) != list(range(1, len(numbers) + 1)) for numbers in series.values())
    assert ill_numbered([one.series for one in each if one.series is not None]) == (len(series), ill)


def test_numbers_with_the_same_sum_are_told_apart() -> None:
    each = settled(numbered({7: [1, 3, 3, 3, 5, 6]}), NUMBERED, Keep.DISTINCT, 1, 1)
    assert sum(range(1, 7)) == 1 + 3 + 3 + 3 + 5 + 6
    assert ill_numbered([one.series for one in each if one.series is not None]) == (1, 1)


def test_ranges_fit_memory() -> None:
    assert [ranges_for(n) for n in (0, 1, entries.RANGE, entries.RANGE + 1)] == [1, 1, 1, 2]
    assert all(n / ranges_for(n) <= entries.RANGE < 2 * n / ranges_for(n) for n in (10**6, 10**7, 10**8, 10**9))
