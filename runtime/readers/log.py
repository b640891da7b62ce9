"""Records of topics as they lie in the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from runtime.config import Settings
from runtime.offsets import OffsetReader
from runtime.records import Record, decoder, read


def messages(settings: Settings, topics: Iterable[str]) -> Iterator[Record]:
    """Yield every record that the topics hold, in the order of each partition; topics that do not exist are empty.

    Raises:
        CommandError: the broker does not answer, or has stopped to.
    """
    yield from read(settings, {}, OffsetReader(settings).ends(topics))


def value_at(settings: Settings, topic: str, partition: int, offset: int) -> bytes | None:
    """Return the value of one record; None when retention has cut it, or it was never there.

    Raises:
        CommandError: the broker does not answer, or has stopped to.
    """
    position = (topic, partition)
    if not 0 <= offset < OffsetReader(settings).ends([topic]).get(position, 0):
        return None
    return next((record.value for record in read(settings, {position: offset}, {position: offset + 1})), None)


def decode(name: str, value: bytes) -> dict[str, Any]:
    """Return a wire value of a contract as a dictionary; times as µs UTC.

    Raises:
        ValueError: it is no record of that contract.
    """
    return _decoder(name)(value)


_decoder = lru_cache(maxsize=32)(decoder)
