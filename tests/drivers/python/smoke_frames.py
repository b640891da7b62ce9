"""Smoke of polars, DuckDB and pandas over Arrow and Parquet: python smoke_frames.py PORT USER PASSWORD."""

from __future__ import annotations

import base64
import io
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import clickhouse_connect
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from smokes import COLUMNS, TABLE, TOTALS, Server, check, main, rows, utc

NAME = f"default.smoke_frames_{os.getpid()}"
READ = f"select * from {NAME} order by id format "
STREAM = "select number, toString(number) as text from numbers(1000000) format "


def ask(server: Server, sql: str, body: bytes | None = None) -> bytes:
    url = f"http://127.0.0.1:{server.port}/"
    if body is not None:
        url += "?" + urllib.parse.urlencode({"query": sql})
    basic = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, sql.encode() if body is None else body, headers)  # noqa: S310 (our own URL)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return bytes(answer.read())


def client(server: Server) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=server.port, username=server.user, password=server.password
    )


def frame(wanted: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {
        "id": pl.UInt64,
        "price": pl.Decimal(38, 12),
        "at": pl.Datetime("us", "UTC"),
        "name": pl.String,
        "note": pl.String,
        "tags": pl.List(pl.String),
        "sizes": pl.List(pl.Int32),
    }
    return pl.DataFrame(wanted, schema=schema, orient="row")


def polars(server: Server) -> None:
    """Insert a frame as Parquet; read it as Arrow and as Parquet, and through clickhouse-connect."""
    ask(server, f"create table {NAME} {TABLE}")
    wanted = rows()
    written = io.BytesIO()
    frame(wanted).write_parquet(written)
    ask(server, f"insert into {NAME} format Parquet", written.getvalue())
    check(pl.read_parquet(ask(server, READ + "Parquet")).select(COLUMNS).rows(), wanted, "Parquet")
    check(pl.read_ipc_stream(ask(server, READ + "ArrowStream")).select(COLUMNS).rows(), wanted, "ArrowStream")
    check(pl.read_ipc(io.BytesIO(ask(server, READ + "Arrow"))).select(COLUMNS).rows(), wanted, "Arrow")
    with client(server) as connect:
        found = connect.query_df_arrow(f"select * from {NAME} order by id", dataframe_library="polars")
        check(utc(found.select(COLUMNS).rows()), wanted, "query_df_arrow")


def pandas(server: Server) -> None:
    """Insert a frame, read it by Native and by Parquet."""
    wanted = rows()
    with client(server) as connect:
        connect.command(f"truncate table {NAME}")
        data = pd.DataFrame(wanted, columns=list(COLUMNS))
        connect.insert_df(NAME, data)
        found = connect.query_df(f"select * from {NAME} order by id", use_extended_dtypes=False)
    check(utc(_plain(found)), wanted, "query_df")
    read = pd.read_parquet(io.BytesIO(ask(server, READ + "Parquet")), dtype_backend="pyarrow")
    check(_plain(read), wanted, "Parquet")


def _plain(found: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [
        (
            int(row.id),
            Decimal(row.price),
            row.at.to_pydatetime(),
            str(row.name),
            None if row.note is None or row.note is pd.NA or row.note != row.note else str(row.note),
            [str(tag) for tag in row.tags],
            [int(size) for size in row.sizes],
        )
        for row in found.itertuples(index=False)
    ]


def duck(server: Server) -> None:
    """Read the Parquet file that the gateway sent, and its Arrow; the sums are DuckDB's own."""
    wanted = rows()
    price = sum((row[1] for row in wanted), Decimal(0))
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        database.execute("set timezone = 'UTC'")
        path = Path(folder, "smoke.parquet")
        path.write_bytes(ask(server, READ + "Parquet"))
        found = database.execute("select * from read_parquet(?) order by id", [str(path)]).fetchall()
        check(found, wanted, "Parquet")
        arrow = pa.ipc.open_stream(ask(server, READ + "ArrowStream")).read_all()
        database.register("arrow", arrow)
        totals = database.execute('select sum(price), count(note), max("at"), sum(len(tags)) from arrow').fetchall()
        check(totals, [(price, 500, wanted[-1][2], 1500)], "ArrowStream")
    ask(server, f"drop table {NAME}")


def stream(server: Server) -> None:
    """Take a million rows batch by batch."""
    count = total = length = 0
    with client(server) as connect, connect.query_arrow_stream(STREAM.removesuffix(" format ")) as batches:
        for batch in batches:
            count += batch.num_rows
            total += pa.compute.sum(batch["number"]).as_py()
            length += pa.compute.sum(pa.compute.binary_length(batch["text"])).as_py()
    check((count, total, length), TOTALS, "query_arrow_stream")
    found = pl.read_parquet(ask(server, STREAM + "Parquet"))
    check((found.height, found["number"].sum(), found["text"].str.len_chars().sum()), TOTALS, "Parquet")


def error(server: Server) -> None:
    try:
        ask(server, "select * from no_such_table format Parquet")
    except urllib.error.HTTPError as failure:
        with failure:
            check((failure.code, failure.headers["X-ClickHouse-Exception-Code"]), (404, "60"), "error")
            return
    raise AssertionError("a missing table gave a result")


if __name__ == "__main__":
    main(polars, pandas, duck, stream, error)
