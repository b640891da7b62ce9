"""When adjusted series are computed again: whenever something came through that was not seen before the last run."""

import pytest

from batch.corporate_actions.run import follow
from polyglot.cli import run
from runtime.console import Exit


@pytest.mark.parametrize(
    ("looks", "runs"),
    [(["a"], ["a"]), (["a", "a", "a"], ["a"]), (["a", "b", "b", "c"], ["a", "b", "c"])],
)
def test_a_run_follows_each_thing_that_is_new(looks, runs):
    left, done, seen = list(looks), [], []

    def look():
        seen.append(left.pop(0))
        return seen[-1]

    follow(look, lambda: done.append(seen[-1]), lambda: not left)
    assert done == runs


@pytest.mark.parametrize(
    ("options", "message"), [(["--known-at", "noon"], "not an ISO date"), (["--watch", "1", "--json"], "--watch")]
)
def test_wrong_usage_is_told(capsys, options, message):
    assert run(["adjust", *options]) == Exit.USAGE
    assert message in capsys.readouterr().err
