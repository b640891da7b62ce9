"""Real drivers with their default settings: connect, insert, read back exactly, stream a million rows, cancel, fail.

The programs are in tests/drivers; each prints what its steps took (``pytest -rP`` shows it). The first run fetches the
drivers, which takes minutes. Without its toolchain a driver is skipped with the reason; in CI that fails.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support import drivers

from .gateway_process import USERS, Gateway

#: The drivers create tables.
USER = "root"
#: Seconds: ten times what the slowest takes on two cores.
DEADLINE = 120


def try_out(gateway: Gateway, *command: str | Path, cwd: Path | None = None) -> None:
    took = drivers.smoke([*command, str(gateway.port), USER, str(USERS[USER]["password"])], DEADLINE, cwd)
    sys.stdout.write(json.dumps(took) + "\n")


@pytest.fixture(scope="module")
def python() -> Path:
    return drivers.python("python", drivers.SOURCES / "python" / "requirements.lock")


@pytest.mark.parametrize("compression", ["default", "lz4", "zstd", "gzip"])
def test_go(gateway: Gateway, compression: str) -> None:
    try_out(gateway, drivers.go(), "-compression", compression)


def test_jdbc(gateway: Gateway) -> None:
    java = drivers.tool("java")
    try_out(gateway, java, "-cp", drivers.jars(), drivers.SOURCES / "java" / "Smoke.java")


def test_js(gateway: Gateway) -> None:
    node = drivers.tool("node")
    try_out(gateway, node, "smoke.mjs", cwd=drivers.node())


@pytest.mark.parametrize("program", ["sqlalchemy", "ibis", "frames", "dbt"])
def test_python(gateway: Gateway, python: Path, program: str) -> None:
    try_out(gateway, python, drivers.SOURCES / "python" / f"smoke_{program}.py")
