"""chDB on a data folder: connections, each with a state of its own, and the engine's own reading of a statement."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from devstack.gateway import processes
from devstack.gateway.errors import BAD_ARGUMENTS, ClickHouseError

#: Longest statement, bytes, without the rows of an INSERT. ClickHouse's own default is a quarter of it.
MAX_SQL: Final = 1024 * 1024

_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")

#: Small pools: the gateway shares its machine with the whole local stack.
_CONFIG: Final = """<clickhouse>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <timezone>UTC</timezone>
  <merge_tree>
    <min_free_disk_bytes_to_perform_insert>268435456</min_free_disk_bytes_to_perform_insert>
  </merge_tree>
</clickhouse>
"""


def write_config(file: Path, max_memory_bytes: int) -> None:
    """Write the engine's configuration.

    It asks for free space before an insert: chDB does not notice that a write to a full disk has failed.
    """
    file.write_text(_CONFIG.format(memory=max_memory_bytes), encoding="utf-8")


@dataclass(slots=True)
class Summary:
    """Rows and bytes read and written by a statement, and how long it took (ns)."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def document(self) -> dict[str, int]:
        """Return the fields."""
        return asdict(self)


def quote(text: str) -> str:
    """Return a string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_name(text: str) -> str:
    """Return a quoted name."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


class Connection:
    """One connection: its database, settings and temporary tables stay until it is closed. One call at a time."""

    def __init__(self, raw: Any) -> None:
        """Take an open chDB connection."""
        self._raw = raw
        self._lock = threading.Lock()
        self._inserter: Any = None
        self.summary = Summary()

    def close(self) -> None:
        """Give up an unfinished insert and the connection; waits for a call that is still running."""
        with self._lock:
            if self._inserter is not None:
                self._inserter.close()
            self._raw.close()

    def use(self, database: str) -> None:
        """Make a database the current one; raise ClickHouseError if it is not there."""
        self.run(f"USE {quote_name(database)}")

    def set(self, settings: Mapping[str, str]) -> None:
        """Set settings of the connection; values are text."""
        self.restore({name: quote(value) for name, value in settings.items()})

    def restore(self, settings: Mapping[str, str]) -> None:
        """Set settings of the connection; values are literals of SQL, or DEFAULT.

        Raises:
            ClickHouseError: a name is none. It would be read as SQL.
        """
        if wrong := [name for name in settings if not _NAME.fullmatch(name)]:
            raise ClickHouseError(BAD_ARGUMENTS, f"{wrong[0]!r} is not the name of a setting or parameter")
        if settings:
            self.run("SET " + ", ".join(f"{name} = {value}" for name, value in settings.items()))

    def run(self, sql: str | bytes, output: str = "TabSeparated", params: Mapping[str, str] | None = None) -> bytes:
        """Run one statement and return its whole result; ``output`` counts if the SQL names no format.

        Raises:
            ClickHouseError: what the engine says.
        """
        with self._lock:
            try:
                result = self._raw.query(sql, output, params=dict(params or {}))
            except Exception as error:
                raise ClickHouseError.from_engine(error) from error
            body = bytes(result.bytes() or b"")
            self.summary = Summary(
                read_rows=result.storage_rows_read() or result.rows_read(),
                read_bytes=result.storage_bytes_read() or result.bytes_read(),
                written_rows=result.rows_written(),
                written_bytes=result.bytes_written(),
                result_rows=result.rows_read(),
                result_bytes=len(body),
                elapsed_ns=int(result.elapsed() * 1e9),
            )
            return body

    def ask(self, sql: str) -> str:
        """Return the one value of a query of ours; what is known of the client's statement stays."""
        summary = self.summary
        value = self.run(sql, "TabSeparatedRaw").decode().strip()
        self.summary = summary
        return value

    def blocks(self, sql: bytes, params: Mapping[str, str] | None = None) -> Generator[bytes, None, None]:
        """Run a query and yield its result in Native format, one block at a time.

        Raises:
            ClickHouseError: what the engine says.
        """
        summary = self.summary = Summary()
        with self._lock:
            started = time.perf_counter_ns()
            try:
                with self._raw.send_query(sql, "Native", params=dict(params or {})) as stream:
                    for block in stream:
                        summary.read_rows += block.rows_read()
                        summary.read_bytes += block.bytes_read()
                        if data := bytes(block.bytes() or b""):
                            summary.result_bytes += len(data)
                            yield data
            except RuntimeError as error:
                raise ClickHouseError.from_engine(error) from error
            summary.result_rows = summary.read_rows
            summary.elapsed_ns = time.perf_counter_ns() - started

    def read(self, sql: bytes) -> bytes:
        """Return one statement as the engine reads it: formatted anew, on one line, without the rows of an INSERT.

        Raises:
            ClickHouseError: it cannot be parsed, or is more than one statement.
        """
        literal = b"'" + sql.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'"
        try:
            return self.run(b"SELECT formatQuerySingleLine(" + literal + b") FORMAT RawBLOB").rstrip(b"\n")
        except ClickHouseError as error:
            # What follows names our query, with the whole text in it.
            told, ours, _ = str(error).partition(": In scope SELECT formatQuerySingleLine(")
            raise ClickHouseError(error.code, f"{told}. (SYNTAX_ERROR)" if ours else told) from error

    def begin_insert(self, header: str, data_format: str) -> None:
        """Begin an INSERT whose rows will be appended in ``data_format``."""
        with self._lock:
            try:
                self._inserter = self._raw.send_insert(header, data_format)
            except Exception as error:
                raise ClickHouseError.from_engine(error) from error

    def append(self, data: bytes) -> None:
        """Append bytes of rows, cut anywhere; the engine parses them as they come."""
        with self._lock:
            try:
                self._inserter.append(data)
            except Exception as error:
                # A session's next statement would be refused while this one is open.
                self._inserter.close()
                self._inserter = None
                raise ClickHouseError.from_engine(error) from error

    def finish_insert(self) -> None:
        """Commit; after this the rows survive a kill of the process."""
        with self._lock:
            inserter, self._inserter = self._inserter, None
            try:
                done = inserter.finish()
            except Exception as error:
                raise ClickHouseError.from_engine(error) from error
            finally:
                inserter.close()
            rows, size = done.rows_written, done.bytes_written
            self.summary = Summary(rows, size, rows, size, rows, size, int(done.elapsed * 1e9))


class Engine:
    """The engine of one process."""

    def __init__(self, store: Path, config: Path) -> None:
        """Open or create the store; ``config`` is a file that `write_config` has written."""
        import chdb  # noqa: PLC0415 - it starts threads, which must be confined, so it comes after `confine`

        self._connect = chdb.connect
        self._place = f"{store}?config-file={config}"
        # The engine lives as long as any connection: this one keeps it, and its caches, alive.
        self._keeper = self.open()
        self._make_default_plain()
        self.version = self.scalar("SELECT version()")
        self.timezone = self.scalar("SELECT timezone()")
        self.revision = int(self.scalar("SELECT revision()"))

    def open(self) -> Connection:
        """Return a new connection."""
        return Connection(self._connect(self._place))

    def scalar(self, sql: str) -> str:
        """Return the one value of a query of ours."""
        return self._keeper.ask(sql)

    def defined_names(self) -> frozenset[str]:
        """Return what was defined in SQL and is called like a function, in lower case: views with parameters, too."""
        found = self.scalar(
            "SELECT name FROM system.functions WHERE origin = 'SQLUserDefined' UNION ALL "
            "SELECT arrayJoin([name, concat(database, '.', name)]) FROM system.tables "
            "WHERE notEmpty(parameterized_view_parameters)"
        )
        return frozenset(found.lower().split("\n")) - {""}

    def kill(self, marker: str, mode: str = "ASYNC", output: str = "TabSeparated") -> bytes:
        """Cancel what runs with this marker (see `processes`); return what KILL QUERY says."""
        connection = self.open()
        try:
            return connection.run(f"KILL QUERY WHERE {processes.condition(marker)} {mode}", output)
        finally:
            connection.close()

    def close(self) -> None:
        """Flush and stop the engine."""
        self._keeper.close()

    def _make_default_plain(self) -> None:
        """Make ``default`` an ordinary database of the same tables.

        chDB lays it over the file system: there, ``SELECT * FROM '/etc/passwd'`` reads a file.
        """
        identity = self.scalar("SELECT uuid FROM system.databases WHERE name = 'default' AND engine = 'Overlay'")
        if identity:
            self._keeper.run("DETACH DATABASE default")
            self._keeper.run(f"ATTACH DATABASE default UUID '{identity}' ENGINE = Atomic")
