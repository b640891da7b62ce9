"""A fresh stack with all jobs running, per test module."""

import pytest
from support.stack import Stack


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    one = Stack(tmp_path_factory.mktemp("pipeline"), memory_mb=2560, slots=8)
    try:
        one.json("up")
        one.json("submit", expect=0)
        yield one
    finally:
        one.close()
