"""One stack for all tests here."""

import pytest
from support.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    one = Stack(tmp_path_factory.mktemp("stack"))
    yield one
    one.close()
