"""A client of the configured ClickHouse endpoint, the local gateway or a real server."""

from __future__ import annotations

import logging

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from runtime.config import Settings
from runtime.console import CommandError, Exit

# Without a handler its warnings go to stderr beside the error that is raised for the same thing.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())


def connect(settings: Settings) -> Client:
    """Return a connected client; its default database is the configured one.

    Raises:
        CommandError: no answer, or the login was refused.
    """
    at = settings.clickhouse
    try:
        return clickhouse_connect.get_client(**at.login(), database=at.database)
    except ClickHouseError as error:
        raise CommandError(
            f"no answer from ClickHouse at {at.url}: {error}", hint="Start it with: polyglot up", code=Exit.UNAVAILABLE
        ) from error
