"""``polyglot clickhouse-login``: how to connect a client of one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from polyglot.cli import JsonOption
from runtime import accounts
from runtime.config import settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit

PANEL = "Data"
_EXAMPLES = """\
Examples:

    polyglot clickhouse-login

    polyglot clickhouse-login --password

    polyglot clickhouse-login --password --json | jq -r .password
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{clickhouse_login.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(clickhouse_login)


def clickhouse_login(
    password: Annotated[bool, typer.Option("--password", help="Show the password, too.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Show where the local ClickHouse is and as whom to read it, for any client of it.

    The account is `reader`, which cannot change anything. The others are in the file that is named.
    """
    conf, console = settings().clickhouse, Console(json_output=json_output)
    if conf.accounts_file is None:
        raise CommandError(
            f"ClickHouse is configured to be at {conf.url}: its accounts are made there",
            hint="ask whoever runs that server",
            code=Exit.USAGE,
        )
    found = {
        "host": conf.host,
        "port": conf.port,
        "database": conf.database,
        "user": accounts.READER,
        "accounts": str(conf.accounts_file),
    }
    if password:
        known = accounts.read(conf.accounts_file)
        if accounts.READER not in known:
            raise CommandError("no ClickHouse password yet: start the stack with `polyglot up`", code=Exit.UNAVAILABLE)
        found["password"] = known[accounts.READER]["password"]
    console.table(["what", "value"], [[name, value] for name, value in found.items()])
    console.result(found)
    if not password:
        console.info("--password shows the password, too")
