from __future__ import annotations

import hashlib
import random

from hypothesis import given
from hypothesis import strategies as st

from batch.verifying.compare import DIFFERENT, Buckets, Comparison, day_lines

digests = st.binary(min_size=1, max_size=4).map(lambda raw: hashlib.sha256(raw).hexdigest())
found = st.dictionaries(
    st.tuples(st.sampled_from(["2024-08-08", "2024-08-09"]), st.integers(0, 63)),
    st.tuples(st.integers(1, 9), digests),
    min_size=1,
)


def shuffled(buckets: Buckets, seed: int) -> Buckets:
    items = list(buckets.items())
    random.Random(seed).shuffle(items)
    return dict(items)


@given(found, st.integers())
def test_digests_do_not_depend_on_order(buckets: Buckets, seed: int) -> None:
    lines = day_lines(buckets, shuffled(buckets, seed))
    assert all(line.equal for line in lines)
    assert sum(line.replayed for line in lines) == sum(n for n, _ in buckets.values())
    assert lines == day_lines(shuffled(buckets, seed + 1), buckets)


@given(found, st.data())
def test_one_bucket_that_differs_changes_the_day(buckets: Buckets, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from(sorted(buckets)))
    n, digest = buckets[at]
    last = "0" if digest[-1] != "0" else "1"
    for spoiled in ({**buckets, at: (n, digest[:-1] + last)}, {**buckets, at: (n + 1, digest)}):
        unequal = [line.day for line in day_lines(buckets, spoiled) if not line.equal]
        assert unequal == [at[0]]


@given(found, st.data())
def test_a_bucket_on_one_side_only_is_seen(buckets: Buckets, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from(sorted(buckets)))
    rest = {key: value for key, value in buckets.items() if key != at}
    assert [line.day for line in day_lines(buckets, rest) if not line.equal] == [at[0]]
    assert [line.day for line in day_lines(rest, buckets) if not line.equal] == [at[0]]


@given(found, st.data())
def test_rows_that_swap_buckets_are_seen(buckets: Buckets, data: st.DataObject) -> None:
    """The digest covers where rows are, not only which hashes there are."""
    (day, bucket), other = data.draw(st.sampled_from(sorted(buckets))), data.draw(st.integers(0, 63))
    if (day, other) in buckets:
        return
    moved = {key: value for key, value in buckets.items() if key != (day, bucket)}
    moved[day, other] = buckets[day, bucket]
    assert [line.day for line in day_lines(buckets, moved) if not line.equal] == [day]


def test_nothing_is_empty_and_a_difference_is_never_equal() -> None:
    assert Comparison("t").status == "empty"
    line = day_lines({("2024-08-08", 1): (2, "aa")}, {("2024-08-08", 1): (2, "aa")})
    assert Comparison("t", line).status == "equal"
    assert Comparison("t", line, {DIFFERENT: 1}).status == "different"
    unequal = day_lines({("2024-08-08", 1): (2, "aa")}, {("2024-08-08", 1): (2, "ab")})
    assert Comparison("t", unequal).status == "different"
