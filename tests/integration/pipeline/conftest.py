"""A fresh stack with all jobs running, per test module."""

import pytest
from support.stack import started


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    with started(tmp_path_factory.mktemp("pipeline")) as one:
        yield one
