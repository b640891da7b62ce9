"""A low-rate topic from its beginning to its present end, decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runtime.config import Settings
from runtime.readers.log import decode, messages


def records(
    settings: Settings, topics: Sequence[str], name: str, words: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (topic, record of contract ``name``) in the order of each partition; times are whole µs.

    With ``words`` only records that have one of them somewhere: the others are not decoded.

    Raises:
        CommandError: the broker does not answer.
    """
    sought = [word.encode() for word in words]
    for record in messages(settings, topics):
        if not sought or any(word in record.value for word in sought):
            yield record.topic, decode(name, record.value)
