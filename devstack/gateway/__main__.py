"""``python -m devstack.gateway --port P --data DIR --users FILE``: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import fcntl
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from devstack.gateway.confinement import support
from devstack.gateway.engine_client import EngineClient
from devstack.gateway.exchange import ClientGoneError
from devstack.gateway.http_server import server
from devstack.gateway.limits import GatewaySettings
from devstack.gateway.server import Gateway
from devstack.gateway.users import UsersError, load

cli = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@cli.command()
def main(
    host: str = "127.0.0.1",
    port: int = 18123,
    data: Path = Path("var/clickhouse"),
    users: Annotated[Path | None, typer.Option(help="JSON: name → password and role, mode 0600.")] = None,
) -> None:
    """Serve ClickHouse's HTTP interface; requests under way are finished first when it is told to end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # An answer that fails in the middle breaks its connection on purpose: no stack for that.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], ClientGoneError))
    )
    settings = GatewaySettings()
    try:
        known = load(users)
    except UsersError as error:
        sys.exit(f"error: {error}")
    if settings.confinement == "on" and not (found := support()).enough:
        hint = "POLYGLOT_GATEWAY__CONFINEMENT=off starts it all the same (docs/howto/clickhouse.md)"
        sys.exit(f"error: {found.sentence}\nhint: {hint}")
    data.mkdir(parents=True, exist_ok=True)
    data = data.resolve()
    lock = (data / "gateway.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"error: another gateway is running on {data}")
    running = server(Gateway(EngineClient(data, settings), data, known, settings), host, port, settings)
    running.run()
    lock.close()
    if not running.started:
        sys.exit(1)


if __name__ == "__main__":
    cli()
