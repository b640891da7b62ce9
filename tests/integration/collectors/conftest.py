"""A broker of its own for the tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.raw_broker import Broker

from runtime.maven import jars_ready


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    one = Broker(tmp_path_factory.mktemp("collect"))
    try:
        # The broker needs no connectors: building them is what others test.
        build = "--no-build" if jars_ready(one.settings.cache_dir) else "--build"
        one.polyglot("up", "--only", "kafka", build, "--timeout", "300", timeout=600)
        one.polyglot("topics", "--apply")
        yield one
    finally:
        one.polyglot("down", "--wipe")
