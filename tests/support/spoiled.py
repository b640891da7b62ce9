"""Small stores of every kind, and ways to spoil them as a bad disk, a bad writer or a lost record would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from batch.replaying.files import records
from batch.replaying.replay import Replayed
from batch.spark import views
from batch.spark.topics import contents
from polyglot.cli import run
from schemas import catalog
from support import lake
from support.chdb_engine import Engine
from support.memory_log import MemoryLog
from udfs.wire.envelope import encode_one

SECOND = 1_000_000
NOON = 1_723_118_400 * SECOND  # 2024-08-08T12:00Z
ENTITY = "sim:AUSDT"


class Stores(NamedTuple):
    """Every store as its sinks would have written it."""

    folder: Path
    log: MemoryLog
    engine: Engine
    done: Replayed

    def command(self, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
        """Run `polyglot verify`; return its exit code and its report."""
        code = run(["verify", "--json", "--limit", "50", "--versions", "current", *options])
        return code, json.loads(capsys.readouterr().out)


def envelope(row: dict[str, Any]) -> bytes:
    return encode_one(*(row[name] for name in catalog.columns("raw_envelope")))


def write_lake(spark: SparkSession, root: Path, done: Replayed, kind: str) -> None:
    rows = contents(records(spark, done.out, kind), kind)
    if kind in catalog.NORMALIZED:
        name, key, day = f"silver_{kind}", "event_id", "ingest_date"
        rows = rows.withColumn(day, views.iso_date(day))
    else:
        name, key, day = f"gold_{kind}", "bar_key", "event_date"
        rows = rows.withColumn(key, views.key_of(kind)).withColumn(day, views.iso_day("window_start"))
    lake.write_hudi(spark, pa.Table.from_pandas(rows.toPandas(), preserve_index=False), root / name, name, key, day)


def insert(engine: Engine, table: str, rows: list[dict[str, Any]]) -> None:
    values = ", ".join(f"({', '.join(literal(name, value) for name, value in row.items())})" for row in rows)
    engine.ask(f"INSERT INTO {table} (`{'`, `'.join(rows[0])}`) VALUES {values}")


def literal(name: str, value: Any) -> str:
    return f"fromUnixTimestamp64Micro({value}, 'UTC')" if name.startswith("window_") else f"'{value}'"


# --- faults ---


class Fault(NamedTuple):
    """What is done to a store, and the differences of it: table, what it is, key, the field if it is one in some."""

    spoil: Callable[[Stores], None]
    named: frozenset[tuple[str, str, str, str]]


def fault(spoil: Callable[[Stores], None], *named: tuple[str, str, str] | tuple[str, str, str, str]) -> Fault:
    return Fault(spoil, frozenset((*one, "")[:4] for one in named))


def trade(n: int) -> str:
    return f"{ENTITY}:trade:{n}"


def bar(second: int, interval: str = "1s") -> str:
    return f"{ENTITY}|{interval}|{NOON + second * SECOND}"


def topic(name: str, change: Callable[[list[Any]], None]) -> Callable[[Stores], None]:
    return lambda stores: change(stores.log.topics[name])


def at(records: list[Any], text: str) -> int:
    """Return the place of the record that has a text."""
    (found,) = (n for n, one in enumerate(records) if text.encode() in one.value)
    return found


def changed(text: str, change: Callable[[bytes], bytes]) -> Callable[[list[Any]], None]:
    def spoil(records: list[Any]) -> None:
        n = at(records, text)
        records[n] = records[n]._replace(value=change(records[n].value))

    return spoil


def added(text: str, change: Callable[[Any], Any]) -> Callable[[list[Any]], None]:
    return lambda records: records.append(change(records[at(records, text)]))


def lost(text: str) -> Callable[[list[Any]], None]:
    return lambda records: records.pop(at(records, text))


def keyed(which: str | int, key: bytes) -> Callable[[list[Any]], None]:
    def spoil(records: list[Any]) -> None:
        n = at(records, which) if isinstance(which, str) else which
        records[n] = records[n]._replace(key=key)

    return spoil


def last_byte(bits: int) -> Callable[[bytes], bytes]:
    return lambda value: value[:-1] + bytes([value[-1] ^ bits])


def of_window(records: list[Any], second: int) -> int:
    """Return the place of a 1s bar: of its bytes, interval and window start are no other's."""
    zigzag, wanted = 2 * (NOON + second * SECOND), b"1s"
    while zigzag > 127:
        wanted, zigzag = wanted + bytes([zigzag & 127 | 128]), zigzag >> 7
    (found,) = (n for n, one in enumerate(records) if wanted + bytes([zigzag]) in one.value)
    return found


def bar_lost(second: int) -> Callable[[list[Any]], None]:
    return lambda records: records.pop(of_window(records, second))


def bar_changed(second: int, change: Callable[[bytes], bytes], *, add: bool = False) -> Callable[[list[Any]], None]:
    def spoil(records: list[Any]) -> None:
        n = of_window(records, second)
        new = records[n]._replace(value=change(records[n].value))
        if add:
            records.append(new)
        else:
            records[n] = new

    return spoil


def table(name: str, change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Stores], None]:
    """Return what edits the rows of a Hudi table in its file, as a bad disk or a bad writer would."""

    def spoil(stores: Stores) -> None:
        (path,) = (stores.folder / "var" / "lake" / name).rglob("*.parquet")
        with pq.ParquetFile(path) as file:
            found = file.read()
        rows = found.to_pylist()
        change(rows)
        pq.write_table(pa.Table.from_pylist(rows, found.schema), path)
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)

    return spoil


def where(column: str, value: str, **new: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(rows: list[dict[str, Any]]) -> None:
        (row,) = (row for row in rows if row[column] == value)
        row.update({name: value(row[name]) if callable(value) else value for name, value in new.items()})

    return change


def without(column: str, value: str) -> Callable[[list[dict[str, Any]]], None]:
    return lambda rows: rows.remove(next(row for row in rows if row[column] == value))


def again(column: str, value: str, **new: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda rows: rows.append({**next(row for row in rows if row[column] == value), **new})


def clickhouse(second: int, *changes: str, drop: bool = False) -> Callable[[Stores], None]:
    """Return what inserts a bar once more, with some columns replaced; with `drop` the bar is deleted as well."""
    only = f"interval = '1s' AND window_start = fromUnixTimestamp64Micro({NOON + second * SECOND}, 'UTC')"

    def spoil(stores: Stores) -> None:
        stores.engine.ask(f"CREATE OR REPLACE TABLE one ENGINE = Memory AS SELECT * FROM bars WHERE {only}")
        if drop:
            stores.engine.ask(f"CREATE OR REPLACE TABLE kept ENGINE = Memory AS SELECT * FROM bars WHERE NOT ({only})")
            stores.engine.ask("TRUNCATE TABLE bars")  # a DELETE would wait for merges
            stores.engine.ask("INSERT INTO bars SELECT * FROM kept")
        if changes:
            stores.engine.ask(f"INSERT INTO bars SELECT * REPLACE ({', '.join(changes)}) FROM one")

    return spoil
