"""Native results of a later revision that differs by what stands before each block: no walk through the columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from devstack.gateway.chdb_engine import Connection
from devstack.gateway.native_revision import BLOCK_INFO, Revision

#: How a DateTime without its zone stands in a block: its length and its name.
_DATETIME: Final = b"\x08DateTime"
_FORMAT: Final = re.compile(rb" FORMAT `?\w+`?$")


def native_blocks(
    connection: Connection, statement: bytes, params: Mapping[str, str], revision: int
) -> Iterator[bytes]:
    """Run a query and yield its blocks as clients of ``revision`` (one of INFO_ONLY) expect them.

    The engine leaves out the zones of DateTime columns: a query that has one is asked for them, and begins anew.

    Raises:
        ClickHouseError: what the engine says.
    """
    convert: Callable[[bytes], bytes] = BLOCK_INFO.__add__
    blocks = connection.blocks(statement, params)
    first = next(blocks, b"")
    if _DATETIME in first:
        blocks.close()
        types = _types(connection, statement, params)
        if any(one.startswith("DateTime('") for one in types):
            convert = Revision(revision, types).feed
        blocks = connection.blocks(statement, params)
        first = next(blocks, b"")
    while first:
        yield convert(first)
        first = next(blocks, b"")


def _types(connection: Connection, statement: bytes, params: Mapping[str, str]) -> list[str]:
    query = b"DESCRIBE TABLE (" + _FORMAT.sub(b"", statement) + b")"
    return [str(row[1]) for row in json.loads(connection.run(query, "JSONCompact", params))["data"]]
