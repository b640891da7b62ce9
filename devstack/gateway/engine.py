"""The engine: chDB on a data folder, one short-lived handle for each request.

A handle carries session state (database, settings, ``readonly``) that cannot be taken back, and opening one costs well
under a millisecond. A handle of its own for every request is therefore the isolation: nothing leaks from one user's
request into another's.
"""

from __future__ import annotations

import fcntl
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import chdb

from devstack.gateway.errors import ACCESS_DENIED, BAD_ARGUMENTS, ClickHouseError
from devstack.gateway.users import GatewaySettings, Role

_SETTING: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What a request by anyone but an admin must not change: the guards themselves and the memory limits.
_GUARDED: Final = frozenset(
    {
        "readonly",
        "allow_ddl",
        "allow_introspection_functions",
        "profile",
        "max_memory_usage",
        "max_memory_usage_for_user",
        "max_result_bytes",
        "max_result_rows",
        "result_overflow_mode",
    }
)
#: The engine gathers an insert's rows to blocks of this size before it writes: its defaults, a million rows or 256 MB,
#: held several copies of a 300 MB body at once.
_INSERT_BLOCKS: Final = {
    "min_insert_block_size_rows": "65536",
    "min_insert_block_size_bytes": "33554432",
}
#: Formats whose blocks, one after another, are a valid document: only these may be streamed.
STREAMED: Final = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow", "JSONCompactEachRow"})
#: Functions that reach beyond the database although the engine does not call them read-only-unsafe.
_ALSO_DENIED: Final = frozenset({"file", "python", "s3", "gcs", "oss", "cosn", "executable", "eval"})


@dataclass(slots=True)
class Summary:
    """Rows and bytes read and written by a request, and how long it took (ns)."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def header(self) -> dict[str, str]:
        """Return the X-ClickHouse-Summary object; ClickHouse sends its numbers as text."""
        counts = {
            "read_rows": self.read_rows,
            "read_bytes": self.read_bytes,
            "written_rows": self.written_rows,
            "written_bytes": self.written_bytes,
            "total_rows_to_read": 0,
            "result_rows": self.written_rows or self.read_rows,
            "result_bytes": self.written_bytes or self.result_bytes,
            "elapsed_ns": self.elapsed_ns,
        }
        return {name: str(value) for name, value in counts.items()}


@dataclass(frozen=True, slots=True)
class Session:
    """What a request asks of its handle: who runs it, in which database, with which settings and parameters.

    ``whole_result`` says that the result will be held in memory, so its size must be bounded.
    """

    role: Role
    database: str = ""
    settings: Mapping[str, str] | None = None
    params: Mapping[str, str] | None = None
    read_only: bool = False
    whole_result: bool = False


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Engine:
    """One chDB engine; raises RuntimeError if another process has the folder."""

    def __init__(self, data: Path, limits: GatewaySettings) -> None:
        """Open or create the data folder."""
        data.mkdir(parents=True, exist_ok=True)
        self._lock = (data / "gateway.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RuntimeError(f"another gateway is running on {data}") from error
        self._limits = limits
        config = data / "gateway.xml"
        config.write_text(_CONFIG.format(memory=limits.max_memory_bytes), encoding="utf-8")
        self._connection = f"{data.resolve() / 'store'}?config-file={config.resolve()}"
        # The engine lives as long as any handle: this one keeps it, and its caches, alive.
        self._keeper = chdb.connect(self._connection)
        self.version = self._scalar("SELECT version()")
        self.timezone = self._scalar("SELECT timezone()")
        listed = self._scalar(
            "SELECT arrayStringConcat(groupArray(name), ' ') FROM system.table_functions WHERE NOT allow_readonly"
        )
        self.denied_functions = frozenset(name.lower() for name in listed.split()) | _ALSO_DENIED

    def close(self) -> None:
        """Flush and stop the engine."""
        self._keeper.close()
        self._lock.close()

    def open(self, session: Session) -> Handle:
        """Return a handle set up for ``session``; raise ClickHouseError for an unknown database or setting."""
        handle = Handle(chdb.connect(self._connection), dict(session.params or {}))
        try:
            self._prepare(handle, session)
        except BaseException:
            handle.close()
            raise
        return handle

    def _prepare(self, handle: Handle, session: Session) -> None:
        if session.database:
            name = session.database.replace("\\", "\\\\").replace("`", "\\`")
            handle.command(f"USE `{name}`")
        wanted = dict(session.settings or {})
        for name in wanted:
            if not _SETTING.fullmatch(name):
                raise ClickHouseError(BAD_ARGUMENTS, f"{name!r} is not the name of a setting")
            if name in _GUARDED and session.role != "admin":
                raise ClickHouseError(ACCESS_DENIED, f"Not enough privileges to change the setting {name}")
        wanted.setdefault("max_memory_usage", str(self._limits.max_query_memory_bytes))
        for name, value in _INSERT_BLOCKS.items():
            wanted.setdefault(name, value)
        if session.whole_result:
            wanted.setdefault("max_result_bytes", str(self._limits.max_result_bytes))
        # Last, because they forbid what comes after them.
        if session.role == "reader":
            wanted["readonly"] = "1"
        elif session.read_only:
            wanted["readonly"] = "2"
        elif session.role == "writer":
            wanted["allow_ddl"] = "0"
        handle.command("SET " + ", ".join(f"{name} = {_quote(value)}" for name, value in wanted.items()))

    def _scalar(self, sql: str) -> str:
        return bytes(self._keeper.query(sql, "TabSeparatedRaw").bytes()).decode().strip()


class Handle:
    """One request's connection.

    Hold ``lock`` around every call: a request that was abandoned may still run in its thread while another closes.
    """

    def __init__(self, connection: Any, params: dict[str, str]) -> None:
        """Take an open chDB connection."""
        self._connection = connection
        self._params = params
        self._unfinished: list[Any] = []
        self.lock = threading.Lock()
        self.summary = Summary()

    def close(self) -> None:
        """Give up what is unfinished and the connection; waits for a call that is still running."""
        with self.lock:
            for work in self._unfinished:
                work.close()
            self._connection.close()

    def command(self, sql: str) -> None:
        """Run a statement without a result."""
        try:
            self._connection.query(sql, "TabSeparated")
        except Exception as error:
            raise ClickHouseError.from_engine(error) from error

    def query(self, sql: bytes, output: str) -> bytes:
        """Run a statement and return its whole result; ``output`` counts if the SQL names no format."""
        try:
            result = self._connection.query(sql.decode("utf-8", "surrogateescape"), output, params=self._params)
        except Exception as error:
            raise ClickHouseError.from_engine(error) from error
        body = bytes(result.bytes() or b"")
        self.summary.read_rows = result.storage_rows_read() or result.rows_read()
        self.summary.read_bytes = result.storage_bytes_read() or result.bytes_read()
        self.summary.written_rows = result.rows_written()
        self.summary.written_bytes = result.bytes_written()
        self.summary.result_bytes = len(body)
        self.summary.elapsed_ns = int(result.elapsed() * 1e9)
        return body

    def stream(self, sql: bytes, output: str) -> Iterator[bytes]:
        """Run a SELECT and yield its result block by block; ``output`` is one of STREAMED."""
        try:
            blocks = self._connection.send_query(sql.decode("utf-8", "surrogateescape"), output, params=self._params)
            self._unfinished.append(blocks)
            for block in blocks:
                body = bytes(block.bytes() or b"")
                self.summary.read_rows += block.rows_read()
                self.summary.read_bytes += block.bytes_read()
                self.summary.result_bytes += len(body)
                if body:
                    yield body
        except Exception as error:
            raise ClickHouseError.from_engine(error) from error

    def insert(self, header: bytes, data_format: str) -> Insert:
        """Begin an INSERT whose rows will be pushed in ``data_format``."""
        try:
            inserter = self._connection.send_insert(header.decode(), data_format)
        except Exception as error:
            raise ClickHouseError.from_engine(error) from error
        self._unfinished.append(inserter)  # closing one that is finished does nothing
        return Insert(inserter, self.summary)


class Insert:
    """Rows on their way into a table; the engine parses them as they come, in constant memory."""

    def __init__(self, inserter: Any, summary: Summary) -> None:
        """Take chDB's inserter."""
        self._inserter = inserter
        self._summary = summary

    def append(self, data: bytes) -> None:
        """Push bytes, cut anywhere."""
        try:
            self._inserter.append(data)
        except Exception as error:
            raise ClickHouseError.from_engine(error) from error

    def finish(self) -> None:
        """Commit; after this the rows survive a kill of the process."""
        try:
            done = self._inserter.finish()
        except Exception as error:
            raise ClickHouseError.from_engine(error) from error
        self._summary.written_rows = self._summary.read_rows = done.rows_written
        self._summary.written_bytes = self._summary.read_bytes = done.bytes_written
        self._summary.elapsed_ns = int(done.elapsed * 1e9)


# Small pools: the gateway shares its machine with the whole local stack.
_CONFIG: Final = """<clickhouse>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <timezone>UTC</timezone>
</clickhouse>
"""
