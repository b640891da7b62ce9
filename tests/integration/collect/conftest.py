"""A broker of its own for the tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.raw_broker import Broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    one = Broker(tmp_path_factory.mktemp("collect"))
    try:
        one.polyglot("up", "--only", "kafka")
        one.polyglot("topics", "--apply")
        yield one
    finally:
        one.polyglot("down", "--wipe")
