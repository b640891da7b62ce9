from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch.verifying.compare import DIFFERENT, Comparison, day_lines
from batch.verifying.sums import Sums

sums = st.builds(Sums, st.integers(1, 9), st.tuples(*[st.integers(-(1 << 62), 1 << 62)] * 4))
found = st.dictionaries(st.sampled_from(["2024-08-08", "2024-08-09", "2024-08-10"]), sums, min_size=1)


@given(found)
def test_equal_sums_are_equal_days(days: dict[str, Sums]) -> None:
    lines = day_lines(days, dict(reversed(days.items())))
    assert all(line.equal for line in lines)
    assert sum(line.replayed for line in lines) == sum(one.rows for one in days.values())


@given(found, st.data())
def test_one_sum_that_differs_changes_its_day(days: dict[str, Sums], data: st.DataObject) -> None:
    day = data.draw(st.sampled_from(sorted(days)))
    part = data.draw(st.integers(0, 3))
    more = Sums(0, tuple(int(n == part) for n in range(4)))
    for spoiled in ({**days, day: days[day] + more}, {**days, day: days[day] + Sums(1)}):
        assert [line.day for line in day_lines(days, spoiled) if not line.equal] == [day]


@given(found, st.data())
def test_a_day_on_one_side_only_is_seen(days: dict[str, Sums], data: st.DataObject) -> None:
    day = data.draw(st.sampled_from(sorted(days)))
    rest = {key: value for key, value in days.items() if key != day}
    assert [line.day for line in day_lines(days, rest) if not line.equal] == [day]
    assert [line.day for line in day_lines(rest, days) if not line.equal] == [day]


@given(st.lists(sums), st.integers(0, 9))
def test_sums_of_the_parts_are_the_sum_of_the_whole(parts: list[Sums], cut: int) -> None:
    left, right = sum(parts[:cut], Sums()), sum(parts[cut:], Sums())
    assert (left + right).digest == sum(parts, Sums()).digest
    assert len(left.digest) == 64


def test_nothing_is_empty_and_a_difference_is_never_equal() -> None:
    assert Comparison("t").status == "empty"
    assert Sums().digest == 64 * "0"
    line = day_lines({"2024-08-08": Sums(2)}, {"2024-08-08": Sums(2)})
    assert Comparison("t", line).status == "equal"
    assert Comparison("t", line, {DIFFERENT: 1}).status == "different"
    unequal = day_lines({"2024-08-08": Sums(2)}, {"2024-08-08": Sums(2, (0, 0, 0, 1))})
    assert Comparison("t", unequal).status == "different"
