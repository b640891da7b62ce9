"""Smoke of SQLAlchemy with clickhouse-connect's dialect: python smoke_sqlalchemy.py PORT USER PASSWORD."""

from __future__ import annotations

import os
import threading
import time

import sqlalchemy as sa
from clickhouse_connect.cc_sqlalchemy.datatypes.sqltypes import Array, DateTime64, Int32, Nullable, String, UInt64
from clickhouse_connect.cc_sqlalchemy.datatypes.sqltypes import Decimal as DecimalType
from clickhouse_connect.cc_sqlalchemy.ddl.tableengine import MergeTree
from clickhouse_connect.driver.exceptions import DatabaseError
from smokes import COLUMNS, LONG, TOTALS, Server, check, gone, main, rows, utc

NAME = f"smoke_sqlalchemy_{os.getpid()}"


def engine(server: Server) -> sa.Engine:
    url = sa.URL.create("clickhousedb", server.user, server.password, "127.0.0.1", server.port, "default")
    return sa.create_engine(url)


def connect(server: Server) -> None:
    with engine(server).connect() as connection:
        check(connection.scalar(sa.text("select 1")), 1, "select 1")
        check(sa.inspect(connection).has_table("one", schema="system"), True, "has_table")


def table(server: Server) -> None:
    metadata = sa.MetaData()
    smoke = sa.Table(
        NAME,
        metadata,
        sa.Column("id", UInt64),
        sa.Column("price", DecimalType(38, 12)),
        sa.Column("at", DateTime64(6, "UTC")),
        sa.Column("name", String),
        sa.Column("note", Nullable(String)),
        sa.Column("tags", Array(String)),
        sa.Column("sizes", Array(Int32)),
        MergeTree(order_by="id"),
    )
    wanted = rows()
    with engine(server).connect() as connection:
        metadata.create_all(connection)
        connection.execute(sa.insert(smoke), [dict(zip(COLUMNS, row, strict=True)) for row in wanted])
        found = connection.execute(sa.select(smoke).where(smoke.c.id >= 0).order_by(smoke.c.id)).all()
        check(utc(found), wanted, "rows")
        reflected = sa.Table(NAME, sa.MetaData(), autoload_with=connection)
        check(tuple(reflected.columns.keys()), COLUMNS, "reflected columns")
        metadata.drop_all(connection)


def stream(server: Server) -> None:
    count = total = length = 0
    with engine(server).connect() as connection:
        select = sa.text("select number, toString(number) as text from numbers(1000000)")
        for number, text in connection.execution_options(stream_results=True).execute(select):
            count += 1
            total += number
            length += len(text)
    check((count, total, length), TOTALS, "stream")


def cancel(server: Server) -> None:
    marker = f"{NAME}_long"
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with engine(server).connect() as connection:
                connection.execute(sa.text(LONG.replace(" from", f" as {marker} from")))
        except DatabaseError as error:
            failures.append(error)
        except sa.exc.DBAPIError as error:
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with engine(server).connect() as connection:
        ids = sa.text(
            "select query_id from system.processes where query like :like and query not like '%system.processes%'"
        ).bindparams(like=f"%{marker}%")
        end = time.monotonic() + 10
        while not (found := connection.scalar(ids)):
            check(time.monotonic() < end, True, "the long query is not in system.processes")
            time.sleep(0.1)
        connection.execute(sa.text(f"KILL QUERY WHERE query_id = '{found}'"))
        thread.join(10)
        check((thread.is_alive(), len(failures)), (False, 1), "running, failed")
        check("394" in str(failures[0]), True, f"the killed query gave {failures[0]}")
        gone(lambda: len(connection.execute(ids).all()))


def error(server: Server) -> None:
    with engine(server).connect() as connection:
        try:
            connection.execute(sa.text("select * from no_such_table"))
        except (DatabaseError, sa.exc.DBAPIError) as failure:
            check("60" in str(failure) and "UNKNOWN_TABLE" in str(failure), True, str(failure))
            return
    raise AssertionError("a missing table gave a result")


if __name__ == "__main__":
    main(connect, table, stream, cancel, error)
