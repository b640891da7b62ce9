"""Applies ``sql/clickhouse/NNNN_*.sql`` in order, once each: ``python -m operations.migrate``.

What has been applied is recorded, with its digest, in the table ``schema_migrations`` of the same database. Each
statement is idempotent by itself (IF NOT EXISTS), so a run that was killed half-way is simply repeated.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import clickhouse_connect
import typer
from clickhouse_connect.driver.client import Client

from runtime.config import ROOT, ClickHouseSettings, settings
from runtime.console import CommandError
from sql.clickhouse_text import statements

FOLDER = ROOT / "sql" / "clickhouse"
_NAME = re.compile(r"(\d{4})_\w+\.sql")

_RECORDS = """CREATE TABLE IF NOT EXISTS schema_migrations
(name String, sha256 String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = MergeTree ORDER BY name"""


class MigrationError(Exception):
    """The folder and what the database has recorded do not agree."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name, its SHA-256 (hex) and its statements."""

    name: str
    sha256: str
    statements: tuple[str, ...]


def read(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations in order; raise MigrationError for a stray name or a number used twice."""
    found: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if not match:
            raise MigrationError(f"{path.name} is not named NNNN_what.sql")
        if match.group(1) in found:
            raise MigrationError(f"{found[match.group(1)].name} and {path.name} have the same number")
        text = path.read_bytes()
        digest = hashlib.sha256(text).hexdigest()
        found[match.group(1)] = Migration(path.name, digest, tuple(part.decode() for part in statements(text)))
    return list(found.values())


def apply(client: Client, database: str, migrations: list[Migration]) -> list[str]:
    """Apply what is missing to ``database``, creating it if need be; return the names of what was applied now.

    Raises MigrationError if an applied file was changed, or is gone while a later one is new.
    """
    client.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
    client.database = database
    client.command(_RECORDS)
    rows = client.query("SELECT name, any(sha256) FROM schema_migrations GROUP BY name ORDER BY name").result_rows
    applied = {str(name): str(digest) for name, digest in rows}
    known = {migration.name: migration for migration in migrations}
    for name, digest in applied.items():
        if name not in known:
            raise MigrationError(f"the database has {name}, which is not in the folder")
        if known[name].sha256 != digest:
            raise MigrationError(f"{name} was changed after it had been applied: write a new migration instead")
    done: list[str] = []
    for migration in migrations:
        if migration.name in applied:
            continue
        for statement in migration.statements:
            client.command(statement)
        client.insert("schema_migrations", [[migration.name, migration.sha256]], column_names=["name", "sha256"])
        done.append(migration.name)
    return done


def connect(target: ClickHouseSettings) -> Client:
    """Return a client of the server, not yet of the database, which may not exist."""
    return clickhouse_connect.get_client(**target.login())


def migrate(target: ClickHouseSettings | None = None, folder: Path = FOLDER) -> list[str]:
    """Bring the configured database up to date; return the names of the files applied now."""
    target = target or settings().clickhouse
    migrations = read(folder)
    client = connect(target)
    try:
        return apply(client, target.database, migrations)
    finally:
        client.close()


cli = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@cli.command()
def main() -> None:
    """Apply the missing ClickHouse migrations to the configured server."""
    try:
        done = migrate()
    except (MigrationError, CommandError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo("\n".join(f"applied {name}" for name in done) or "up to date")


if __name__ == "__main__":
    cli()
