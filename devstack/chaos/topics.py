"""A topic's records, decoded, each read once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runtime.config import Settings
from runtime.offsets import OffsetReader, Offsets
from runtime.records import decoder, read


class TopicReader:
    """Yields what a topic holds and was not yielded before."""

    def __init__(self, settings: Settings, topic: str, name: str) -> None:
        self._settings, self._topic, self._begin = settings, topic, Offsets()
        self._decode = decoder(name)

    def new(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield each new record as fields (times are µs) and bytes, each partition in order.

        Raises:
            CommandError: the broker has stopped answering.
        """
        ends = OffsetReader(self._settings).ends([self._topic])
        for record in read(self._settings, self._begin, ends):
            yield self._decode(record.value), record.value
        self._begin = ends
