"""The ClickHouse engine in a process of its own, without the gateway: our migrations, our queries, real merges."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pyarrow as pa

from operations import migrate

#: A line with a query and a format in, a line with the answer's length and the answer out; the engine takes over its
#: process's signals, so it is not ours.
_SERVER = """
import json, sys
from chdb.session import Session
session = Session(sys.argv[1])
out = sys.stdout.buffer
for line in sys.stdin:
    query, form = json.loads(line)
    try:
        answer, failed = session.query(query, form).bytes(), 0
    except Exception as error:
        answer, failed = str(error).encode(), 1
    out.write(b"%d %d\\n" % (failed, len(answer)) + answer)
    out.flush()
session.close()
"""


class Engine:
    """A database ``polyglot`` with the tables of ``sql/clickhouse``. Never merges: what FINAL does must do."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", _SERVER, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for statement in ("CREATE DATABASE polyglot", "USE polyglot"):
            self.ask(statement)
        for one in migrate.read():
            for statement in one.statements:
                self.ask(statement)
        self.ask("SYSTEM STOP MERGES")

    def ask(self, query: str, form: str = "TSV") -> bytes:
        """Run a query; return its answer in a format."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([query, form]).encode() + b"\n")
        self._process.stdin.flush()
        failed, size = map(int, self._process.stdout.readline().split())
        answer = self._process.stdout.read(size)
        assert not failed, answer.decode()
        return answer

    def rows(self, query: str) -> list[list[Any]]:
        return [json.loads(line) for line in self.ask(query, "JSONCompactEachRow").splitlines()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)


class Client:
    """What ``batch.spark.clickhouse`` uses of ``clickhouse_connect``'s client, on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def command(self, query: str) -> str:
        return self._engine.ask(query).decode().strip()

    def query(self, query: str) -> Any:
        return SimpleNamespace(result_rows=self._engine.rows(query))

    @contextmanager
    def query_arrow_stream(self, query: str) -> Iterator[Iterator[pa.RecordBatch]]:
        answer = self._engine.ask(f"{query} SETTINGS output_format_arrow_string_as_string = 1", "ArrowStream")
        yield iter(pa.ipc.open_stream(answer)) if answer else iter(())

    def close(self) -> None:
        pass
