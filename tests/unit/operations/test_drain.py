"""A drain that cannot end says why: a job that a rule has stopped is named with what the rule said."""

import pytest

from operations import drain as module
from runtime.console import CommandError, Exit


class Rest:
    """A cluster in which the job is gone, and what its end was."""

    def __init__(self, cause):
        self.cause = cause

    def job(self, name):
        return None

    def last_cause(self, name):
        return self.cause


@pytest.mark.parametrize("cause", ["quality rule dear stops the job at sim:A:trade:7", ""])
def test_a_job_that_is_gone_is_named_with_its_cause(cause):
    with pytest.raises(CommandError, match="job normalize does not run") as failed:
        module._checkpoint_all(Rest(cause), {"normalize"}, deadline=float("inf"))
    assert str(failed.value) == "job normalize does not run" + (f": {cause}" if cause else "")
    assert failed.value.code is Exit.UNAVAILABLE
