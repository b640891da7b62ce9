"""Smoke of ibis over ClickHouse: python smoke_ibis.py PORT USER PASSWORD."""

from __future__ import annotations

import os
import threading
import time
from decimal import Decimal

import ibis
import pyarrow as pa
from clickhouse_connect.driver.exceptions import DatabaseError
from smokes import COLUMNS, LONG, TABLE, TOTALS, Server, check, gone, main, rows

NAME = f"smoke_ibis_{os.getpid()}"


def client(server: Server) -> ibis.BaseBackend:
    return ibis.clickhouse.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, database="default"
    )


def connect(server: Server) -> None:
    backend = client(server)
    check(backend.sql("select 1 as one").execute()["one"].tolist(), [1], "select 1")
    check("one" in backend.list_tables(database="system"), True, "list_tables")


def table(server: Server) -> None:
    backend = client(server)
    backend.raw_sql(f"create table {NAME} {TABLE}").close()
    wanted = rows()
    schema = pa.schema(
        [
            ("id", pa.uint64()),
            ("price", pa.decimal128(38, 12)),
            ("at", pa.timestamp("us", "UTC")),
            ("name", pa.string()),
            ("note", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("sizes", pa.list_(pa.int32())),
        ]
    )
    columns = [list(column) for column in zip(*wanted, strict=True)]
    data = pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
    backend.con.insert_arrow(NAME, data)
    smoke = backend.table(NAME)
    check(tuple(smoke.columns), COLUMNS, "columns")
    found = smoke.order_by("id").to_pyarrow().to_pylist()
    check([tuple(row[name] for name in COLUMNS) for row in found], wanted, "rows")
    totals = smoke.aggregate(total=smoke.price.sum(), notes=smoke.note.count()).to_pyarrow().to_pylist()
    check(totals, [{"total": sum((row[1] for row in wanted), Decimal(0)), "notes": 500}], "totals")
    backend.create_table(f"{NAME}_two", smoke.filter(smoke.id < 10), engine="MergeTree", order_by=["id"])
    check(backend.table(f"{NAME}_two").count().execute(), 10, "created from an expression")
    frame = ibis.memtable({"id": [1, 2, 3], "weight": [0.5, 0.25, 0.125]})
    joined = smoke.join(frame, "id").select("id", "weight").order_by("id").execute()
    check(joined["weight"].tolist(), [0.5, 0.25, 0.125], "joined with a table in memory")
    for suffix in ("", "_two"):
        backend.drop_table(f"{NAME}{suffix}")


def stream(server: Server) -> None:
    numbers = client(server).sql("select number, toString(number) as text from numbers(1000000)")
    count = total = length = 0
    for batch in numbers.to_pyarrow_batches(chunk_size=65_536):
        count += batch.num_rows
        total += pa.compute.sum(batch["number"]).as_py()
        length += pa.compute.sum(pa.compute.utf8_length(batch["text"])).as_py()
    check((count, total, length), TOTALS, "stream")


def cancel(server: Server) -> None:
    marker = f"{NAME}_long"
    failures: list[BaseException] = []

    def work() -> None:
        try:
            client(server).con.query(LONG, settings={"query_id": marker})
        except DatabaseError as error:
            failures.append(error)

    backend = client(server)

    def running() -> int:
        return int(backend.con.command(f"select count() from system.processes where query_id = '{marker}'"))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not running():
        check(time.monotonic() < end, True, "the long query is not in system.processes")
        time.sleep(0.1)
    backend.raw_sql(f"KILL QUERY WHERE query_id = '{marker}'").close()
    thread.join(10)
    check((thread.is_alive(), len(failures)), (False, 1), "running, failed")
    gone(running)


def error(server: Server) -> None:
    try:
        client(server).sql("select * from no_such_table").execute()
    except DatabaseError as failure:
        check(failure.code, 60, str(failure))
        return
    raise AssertionError("a missing table gave a result")


if __name__ == "__main__":
    main(connect, table, stream, cancel, error)
