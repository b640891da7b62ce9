"""Results in Native format as clients of a later revision expect them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from devstack.gateway.chdb_engine import Connection
from devstack.gateway.native_revision import BLOCK_INFO, INFO_ONLY, Revision

#: How a DateTime without its zone stands in a block: its length and its name.
_DATETIME: Final = b"\x08DateTime"
_FORMAT: Final = re.compile(rb" FORMAT `?\w+`?$")


def native_blocks(
    connection: Connection, statement: bytes, params: Mapping[str, str], revision: int
) -> Iterator[bytes]:
    """Run a query and yield its blocks for a client of ``revision`` (above 0).

    The engine leaves out the zones of DateTime columns: a query that has one is asked for them, and begins anew.

    Raises:
        ClickHouseError: what the engine says, or a type or revision that `native_revision` does not know.
    """
    # Where only what stands before a block differs, no walk through its columns is needed.
    convert: Callable[[bytes], bytes] = BLOCK_INFO.__add__ if revision in INFO_ONLY else Revision(revision).feed
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
