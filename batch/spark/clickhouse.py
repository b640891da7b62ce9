"""ClickHouse tables as Parquet that Spark reads: latest versions, exact types, fetched in chunks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pyarrow.parquet as pq
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from batch.ranges import Days

_ARROW_DIGITS = 38


class ClickHouseUnavailableError(RuntimeError):
    """The endpoint does not answer or refuses."""


@dataclass(frozen=True)
class Endpoint:
    """Where ClickHouse is and as whom to ask."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    database: str
    secure: bool = False
    ca_cert: str | None = None

    def client(self) -> Any:
        """Connect.

        Raises:
            ClickHouseUnavailableError: no.
        """
        try:
            return clickhouse_connect.get_client(
                host=self.host,
                port=self.port,
                username=self.username,
                password=self.password,
                database=self.database,
                secure=self.secure,
                ca_cert=self.ca_cert,
            )
        except (ClickHouseError, OSError) as error:
            raise ClickHouseUnavailableError(
                f"no answer from ClickHouse at {self.host}:{self.port}: {error}"
            ) from error


def fetch(endpoint: Endpoint, table: str, days: Days, target: Path) -> bool:
    """Write the latest versions of a table's rows to a Parquet file; False when there is no such table.

    `days` bounds ``event_date``. Times become µs in an int64, dates ISO text, decimals of more than 38 digits (which
    no Arrow file holds) plain text without trailing zeros; other types stay.

    Raises:
        ClickHouseUnavailableError: the query was not answered.
    """
    client = endpoint.client()
    try:
        if not int(client.command(f"EXISTS TABLE {endpoint.database}.{table}")):
            return False
        described = client.query(f"DESCRIBE TABLE {endpoint.database}.{table}").result_rows
        selected = ", ".join(_expression(str(row[0]), str(row[1])) for row in described)
        # FINAL is what readers use to see one row a key; a table that needs more than that would be wrong for them.
        where = days.sql("toString(event_date)")
        query = f"SELECT {selected} FROM {endpoint.database}.{table} FINAL WHERE {where}"
        writer: pq.ParquetWriter | None = None
        try:
            with client.query_arrow_stream(query) as chunks:
                for chunk in chunks:
                    part = pa.table(chunk) if not isinstance(chunk, pa.Table) else chunk
                    writer = writer or pq.ParquetWriter(target, part.schema)
                    writer.write_table(part)
        finally:
            if writer is not None:
                writer.close()
    except DatabaseError as error:
        raise ClickHouseUnavailableError(f"ClickHouse refused to read {table}: {error}") from error
    else:
        return writer is not None
    finally:
        client.close()


def _expression(name: str, kind: str) -> str:
    for before, behind in (("", ""), ("Nullable(", ")")):
        if kind.startswith(f"{before}DateTime"):
            exact = f"{before}DateTime64(6, 'UTC'){behind}"
            return f"toUnixTimestamp64Micro(CAST(`{name}` AS {exact})) AS `{name}`"
    wide = kind.startswith("Decimal(") and int(kind[8:].split(",", maxsplit=1)[0]) > _ARROW_DIGITS
    if wide or kind.startswith(("Date", "LowCardinality", "FixedString", "Enum")):
        return f"toString(`{name}`) AS `{name}`"
    return f"toInt64(`{name}`) AS `{name}`" if kind.startswith("UInt") else f"`{name}`"
