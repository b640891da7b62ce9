"""Whether a job can go on from a savepoint: decided from manifests and metadata, before anything is stopped."""

import pytest

from savepoints.compatibility import compare, faults
from savepoints.manifest import Manifest
from savepoints.saved import Saved


def manifest(**operators):
    """Return a manifest of a job; an operator is its kind, or its state versions."""
    found = {
        uid: {"kind": what} if isinstance(what, str) else {"kind": "KEYED PROCESS", "states": what}
        for uid, what in operators.items()
    }
    return Manifest.of({"job": "normalize", "operators": found})


BEFORE = manifest(fold=[2, 3], source="Source: raw topics")


def test_the_same_job_goes_on():
    assert compare(BEFORE, BEFORE).same


def test_a_manifest_is_read_as_it_was_written():
    assert Manifest.of(BEFORE.document()) == BEFORE


@pytest.mark.parametrize("document", [{}, {"job": "x", "operators": []}, {"job": "x", "operators": {"a": {}}}])
def test_what_is_no_manifest_is_an_error(document):
    with pytest.raises(ValueError, match="no manifest"):
        Manifest.of(document)


def test_an_operator_that_is_new_begins_empty_and_that_is_said():
    change = compare(BEFORE, manifest(fold=[2, 3], source="Source: raw topics", tail="Source: bars"))
    assert (change.added, change.refused, change.same) == (["tail"], [], False)


def test_state_without_a_successor_is_refused_by_its_name():
    after = manifest(source="Source: raw topics")
    change = compare(BEFORE, after)
    assert change.dropped == ["fold"]
    assert change.refused == [
        "operator 'fold' (KEYED PROCESS) has state, and the new version has no operator of that uid"
    ]
    given_up = compare(BEFORE, after, drop=["fold"])
    assert (given_up.dropped, given_up.refused) == (["fold"], [])


def test_a_uid_that_is_another_operators_now_is_refused():
    change = compare(BEFORE, manifest(fold=[3], source="Source: bars"))
    assert change.refused == ["'source' was the uid of 'Source: raw topics' and is that of 'Source: bars' now"]


@pytest.mark.parametrize(
    ("states", "migrated", "refused"),
    [
        ([2, 3], [], 0),
        ([3, 4], [("fold", 3, 4)], 0),  # a migration
        ([4], [], 1),  # a newer version that has none
        ([1, 2], [], 1),  # an older version, of before
    ],
)
def test_a_fold_must_know_the_version_that_was_written(states, migrated, refused):
    change = compare(BEFORE, manifest(fold=states, source="Source: raw topics"))
    assert (change.migrated, len(change.refused)) == (migrated, refused)


def saved(missing=(), **sizes):
    operators = [{"uid": uid, "parallelism": 1, "bytes": size} for uid, size in sizes.items()]
    return Saved.of({"number": 4, "operators": operators, "missing": list(missing)})


def test_a_savepoint_of_the_job_is_right():
    # Operators that Flink makes inside of a sink are known by a hash alone.
    assert faults(saved(fold=100, source=20, **{"0123456789abcdef0123456789abcdef": 7}), BEFORE) == []


def test_operators_without_state_may_come_and_go():
    assert faults(saved(fold=100, old=0), BEFORE) == []


def test_lost_files_are_told():
    assert faults(saved(["/a/1", "/a/2"], fold=1), BEFORE) == ["2 of its files are missing or cut, such as /a/1"]


def test_state_of_an_operator_that_is_not_there_is_told_unless_given_up():
    found = saved(fold=1, bars=1)
    assert faults(found, BEFORE) == ["it has state of 'bars', which is no operator of normalize"]
    assert faults(found, BEFORE, drop=["bars"]) == []


def test_another_jobs_savepoint_is_told():
    assert faults(saved(bars=1, **{"quote bars": 2}), BEFORE)[-1].endswith("it is another job's")
