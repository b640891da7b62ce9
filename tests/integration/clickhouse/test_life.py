"""The gateway's life: killed, stopped, started twice; and the migrations."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from operations import migrate

from .gateway_process import Gateway


def test_kill_9_loses_no_acknowledged_row(new_gateway: Gateway) -> None:
    new_gateway.post("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    acknowledged: list[int] = []
    enough = threading.Event()

    def insert(first: int) -> None:
        with httpx.Client(base_url=new_gateway.url, auth=("root", "r"), timeout=30) as client:
            for batch in range(first, 1_000_000, 3):
                rows = b"".join(b"%d\n" % (batch * 100 + i) for i in range(100))
                try:
                    response = client.post("/", params={"query": "INSERT INTO t FORMAT TSV"}, content=rows)
                except httpx.TransportError:
                    return
                if response.status_code == 200:
                    acknowledged.append(batch)
                if len(acknowledged) > 100:
                    enough.set()

    threads = [threading.Thread(target=insert, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    assert enough.wait(90)
    new_gateway.stop(signal.SIGKILL)
    for thread in threads:
        thread.join()
    new_gateway.start()
    stored = {int(line) for line in new_gateway.post("SELECT DISTINCT intDiv(a, 100) FROM t").text.split()}
    assert set(acknowledged) <= stored
    counts = new_gateway.post("SELECT count() FROM t GROUP BY intDiv(a, 100)").text.split()
    assert set(counts) == {"100"}, "a batch is stored whole or not at all"


def test_sigterm_ends_cleanly_and_the_data_stays(new_gateway: Gateway) -> None:
    new_gateway.post("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    new_gateway.post("INSERT INTO t SELECT number FROM numbers(1000)")
    assert new_gateway.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
    new_gateway.start()
    assert new_gateway.post("SELECT count() FROM t").text == "1000\n"


def test_two_gateways_do_not_share_a_folder(new_gateway: Gateway) -> None:
    second = subprocess.run(new_gateway.command(0), capture_output=True, text=True, timeout=90, check=False)
    assert second.returncode != 0
    assert "another gateway is running" in second.stderr
    assert new_gateway.post("SELECT 1").text == "1\n"


def test_migrations_make_tables_that_keep_the_highest_version(gateway: Gateway, tmp_path: Path) -> None:
    client = gateway.client()
    migrations = migrate.read()
    assert migrate.apply(client, "polyglot", migrations) == [m.name for m in migrations]
    assert migrate.apply(client, "polyglot", migrations) == []
    row = {
        "entity_id": "sim:A",
        "interval": "1s",
        "window_start": "2024-08-08 23:59:59.000001",
        "open": "0.000000000001",
    }
    wide = "9" * 52 + "." + "1" * 24
    for version in ("2", "3", "1"):
        names = [*row, "notional", "version"]
        values = ", ".join(f"'{value}'" for value in [*row.values(), wide, version])
        client.command(f"INSERT INTO bars ({', '.join(names)}) VALUES ({values})")
    found = client.query("SELECT version, event_date, toString(open), toString(notional) FROM bars_latest").result_rows
    assert [(v, str(d), o, n) for v, d, o, n in found] == [(3, "2024-08-08", "0.000000000001", wide)]
    client.command(
        "INSERT INTO quote_bars (entity_id, window_start, mid, version) VALUES ('a', 1, 0.5, 1), ('a', 1, 1.5, 2)"
    )
    assert client.query("SELECT count(), any(version) FROM quote_bars_latest").result_rows == [(1, 2)]
    client.close()


def test_a_changed_migration_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    client = gateway.client()
    file = tmp_path / "0001_first.sql"
    file.write_text(
        "CREATE TABLE IF NOT EXISTS x (a Int8) ENGINE = Memory; -- semicolon; in a comment\n", encoding="utf-8"
    )
    assert migrate.apply(client, "other", migrate.read(tmp_path)) == ["0001_first.sql"]
    (tmp_path / "0002_second.sql").write_text("INSERT INTO x VALUES (1); INSERT INTO x VALUES (2)", encoding="utf-8")
    assert migrate.apply(client, "other", migrate.read(tmp_path)) == ["0002_second.sql"]
    assert client.query("SELECT sum(a) FROM x").result_rows == [(3,)]
    file.write_text("CREATE TABLE IF NOT EXISTS x (a Int16) ENGINE = Memory", encoding="utf-8")
    with pytest.raises(migrate.MigrationError, match=r"0001_first\.sql was changed"):
        migrate.apply(client, "other", migrate.read(tmp_path))
    client.close()


def test_misnamed_migrations_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1", encoding="utf-8")
    (tmp_path / "0001_b.sql").write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(migrate.MigrationError, match="same number"):
        migrate.read(tmp_path)
    (tmp_path / "0001_b.sql").rename(tmp_path / "first.sql")
    with pytest.raises(migrate.MigrationError, match="not named"):
        migrate.read(tmp_path)
