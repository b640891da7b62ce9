"""The pinned engine, in memory: it says how it reads a statement."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

#: The engine takes over its process's signals, so it gets one of its own. A line in is SQL, a line out what came of it.
ENGINE = """
import base64, json, sys
import chdb
connection = chdb.connect(":memory:")
connection.query("SET implicit_select = 0")
for line in sys.stdin:
    sql = base64.b64decode(line)
    try:
        said = {"result": base64.b64encode(connection.query(sql, "TabSeparatedRaw").bytes() or b"").decode()}
    except Exception as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
"""


class EngineError(Exception):
    """What the engine says, wrappers and all."""


class Engine:
    """Runs SQL, one statement at a time."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ENGINE], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def run(self, sql: str | bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(base64.b64encode(sql.encode() if isinstance(sql, str) else sql) + b"\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        if "error" in said:
            raise EngineError(said["error"])
        return base64.b64decode(said["result"])

    def names(self, sql: str) -> list[str]:
        return self.run(sql).decode().split()

    def canonical(self, sql: str | bytes) -> bytes:
        """Return a statement as the engine reads it."""
        raw = sql.encode() if isinstance(sql, str) else sql
        literal = raw.replace(b"\\", b"\\\\").replace(b"'", b"\\'")
        return self.run(b"SELECT formatQuerySingleLine('" + literal + b"') FORMAT RawBLOB").rstrip(b"\n")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    running = Engine(tmp_path_factory.mktemp("engine"))
    yield running
    running.close()
