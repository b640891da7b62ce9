"""Native output for clients that name a revision: ``?client_protocol_version=N``.

The engine writes Native blocks at revision 0. A client that sends N > 0 reads other blocks, and has no way to see that
it got the old ones: clickhouse-go (N = 54460, always) fails in its first query. What N changes, by ClickHouse's
NativeWriter.cpp and ProtocolDefines.h:

========= ==========================================================================================================
N from    change
========= ==========================================================================================================
1         every block begins with a BlockInfo
54337     a column of type DateTime('zone') says so; before, its type is sent as DateTime
54405     LowCardinality is sent as it is; from 1 to 54404 it is removed (at 0 it is sent, too)
54454     a byte between the type and the data of every column tells a special serialization; 0 is the usual one
54473     other layouts: Dynamic and JSON, from 54480 BlockInfo, from 54492 String
========= ==========================================================================================================

Who sends N: clickhouse-go 2.40 and later 54460, clickhouse-connect 54405 (it looks whether the answer has a BlockInfo,
and does without). clickhouse-java, JDBC, JavaScript and the rest never do. Inserts are read at revision 0, always.

The byte stands after each column's type, so a column's end must be found, so its data must be walked by its type:
``native_types`` does. Nothing is decoded and nothing held but the piece at hand.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final

from devstack.gateway.errors import INCORRECT_DATA, NOT_IMPLEMENTED, ClickHouseError
from devstack.gateway.native_source import Source, varint
from devstack.gateway.native_types import parse

#: The last revision whose blocks this module can write.
LATEST: Final = 54472

_WITH_TIME_ZONE: Final = 54337
_WITH_LOW_CARDINALITY: Final = 54405
_WITH_SERIALIZATION_BYTE: Final = 54454
#: Revisions that differ from 0 by what stands before each block alone: whoever has whole blocks needs no walk.
INFO_ONLY: Final = range(_WITH_LOW_CARDINALITY, _WITH_SERIALIZATION_BYTE)

#: Field 1, is_overflows: no. Field 2, bucket_num: -1. End.
BLOCK_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"


class Revision:
    """Turns a stream of Native blocks of revision 0 into one of another revision, chunk by chunk."""

    def __init__(self, revision: int, types: Sequence[str] = ()) -> None:
        """Take N, 1 to LATEST, and the columns' types in full, as DESCRIBE of the query says.

        Without ``types``, a DateTime('zone') stays a DateTime: the same instants, shown in the server's zone.
        Raise ClickHouseError for a revision above LATEST.
        """
        if not 0 < revision <= LATEST:
            text = f"client_protocol_version={revision}: Native blocks are written for revisions 0 to {LATEST}"
            raise ClickHouseError(NOT_IMPLEMENTED, text)
        self._revision = revision
        self._types = types if revision >= _WITH_TIME_ZONE else ()
        self._source = Source()
        self._walk = self._blocks()
        next(self._walk)

    def feed(self, chunk: bytes) -> bytes:
        """Return what ``chunk`` becomes; raise ClickHouseError for a type that cannot be walked."""
        self._walk.send(chunk)
        return self._source.written()

    def finish(self) -> None:
        """Raise ClickHouseError if the stream ended inside a block."""
        if not self._source.between_blocks:
            raise ClickHouseError(INCORRECT_DATA, "The Native stream of the engine is truncated")

    def _blocks(self) -> Generator[None, bytes, None]:
        source = self._source
        while True:
            yield from source.next_block()
            source.write(BLOCK_INFO)
            columns = yield from source.varint()
            rows = yield from source.varint()
            for at in range(columns):
                yield from source.name()
                name = yield from source.take_name()
                kind = parse(name)
                if self._revision < _WITH_LOW_CARDINALITY and "LowCardinality(" in name:
                    raise ClickHouseError(NOT_IMPLEMENTED, f"Type {name} before revision {_WITH_LOW_CARDINALITY}")
                if name == "DateTime" and at < len(self._types) and self._types[at].startswith("DateTime("):
                    name = self._types[at]
                text = name.encode(errors="surrogateescape")
                source.write(varint(len(text)) + text)
                if self._revision >= _WITH_SERIALIZATION_BYTE:
                    source.write(b"\x00")
                if rows:
                    column = yield from kind.prefix(source)
                    yield from column.data(source, rows)
