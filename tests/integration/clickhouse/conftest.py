"""Gateways for a test or a module, and for attacks: one with tables, one without patience, and what is outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .attacker import IMPATIENT, Http, prepared
from .attacks.machine import Outside
from .gateway_process import Gateway, _running


@pytest.fixture
def new_gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Yield a gateway that a test may kill."""
    yield from _running(tmp_path)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Yield a gateway for a module's tests."""
    yield from _running(tmp_path_factory.mktemp("clickhouse"))


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    made = Outside(tmp_path_factory.mktemp("outside"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def http(gateway: Gateway) -> Iterator[Http]:
    """Yield the gateway with the tables that attacks look for."""
    yield from prepared(gateway)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    """Yield another one, whose deadlines and limits are short."""
    running = _running(tmp_path_factory.mktemp("impatient"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in IMPATIENT.items():
            patch.setenv(f"POLYGLOT_GATEWAY__{name}", value)
        gateway = next(running)
    yield from prepared(gateway)
    next(running, None)


@pytest.fixture
def unharmed(outside: Outside) -> Iterator[None]:
    """Whatever a test does: nothing outside changes, and nobody knocks."""
    yield
    assert outside.harm() == ""
