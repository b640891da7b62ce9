"""Smoke of dbt, which builds ../dbt twice, whole and then incrementally: python smoke_dbt.py PORT USER PASSWORD."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import clickhouse_connect
from smokes import Server, check, main

DATABASE = f"smoke_dbt_{os.getpid()}"
PROJECT = Path(__file__).resolve().parent.parent / "dbt"


def build(server: Server) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "SMOKE_PORT": str(server.port),
            "SMOKE_USER": server.user,
            "SMOKE_PASSWORD": server.password,
            "SMOKE_DATABASE": DATABASE,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(Path(folder, "target")),
            "DBT_LOG_PATH": str(Path(folder, "log")),
            "DBT_QUIET": "true",
        }
        from dbt.cli.main import dbtRunner  # slow, and it reads the environment

        for wanted in (1, 2):
            result = dbtRunner().invoke(["build"])
            if not result.success:
                failed = [
                    f"{item.node.name}: {item.message}"
                    for item in result.result or ()
                    if item.status not in ("success", "pass")
                ]
                raise AssertionError(f"dbt build {wanted}: {result.exception or failed}")
            check(len(result.result), 9, "nodes")
            with clickhouse_connect.get_client(
                host="127.0.0.1", port=server.port, username=server.user, password=server.password, database=DATABASE
            ) as client:
                runs = client.query("select id, run from history order by id").result_rows
                check(runs, [(1, 1), (2, 1), (3, wanted)], "the incremental model")


def clean(server: Server) -> None:
    with clickhouse_connect.get_client(
        host="127.0.0.1", port=server.port, username=server.user, password=server.password
    ) as client:
        client.command(f"drop database {DATABASE}")


if __name__ == "__main__":
    main(build, clean)
