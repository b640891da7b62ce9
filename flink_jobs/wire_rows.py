"""What kernels return, as columns of value, key, topic and record time for a wire sink."""

from __future__ import annotations

from collections.abc import Sequence

from pyflink.common import Types

from udfs import envelope
from udfs.dead_letters import DeadLetter
from udfs.normalize import Normalizer

_BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
#: What a micro-batch carries of each record.
PACKED = {"`value`": _BYTES}
#: Topic, record time in ms (null: the client's), key, value.
WIRE_COLUMNS = {"topic": Types.STRING(), "ts": Types.LONG(), "k": _BYTES, "v": _BYTES}
Columns = tuple[list[str], list[int | None], list[bytes], list[bytes]]


def dead_letter_columns(topic: str, letters: Sequence[DeadLetter]) -> Columns:
    """Return the columns of dead letters; one without a time gets the client's."""
    return (
        [topic] * len(letters),
        [letter.event_time // 1000 or None for letter in letters],
        [letter.key() for letter in letters],
        [letter.encode() for letter in letters],
    )


def normalized_columns(fold: Normalizer, partition: int, values: list[bytes]) -> tuple[Columns]:  # noqa: ARG001
    """Fold one micro-batch of a shard into records for the wire sink.

    Values that are no envelope are the ingest job's dead letters, not this one's.
    """
    envelopes, _, _ = envelope.decode(values)
    out = fold.process(envelopes)
    topics, times, keys, encoded = dead_letter_columns("deadletter.normalization.v1", out.dead_letters)
    for target, kind in (("normalized.trade.v1", out.trades), ("normalized.quote.v1", out.quotes)):
        if not len(kind):  # a topic's records are of one kind
            continue
        topics += [target] * len(kind)
        times += (kind.event_time // 1000).tolist()
        keys += kind.keys()
        encoded += kind.encode()
    for record in out.side:
        topics.append(record.topic)
        times.append(record.event_time // 1000)
        keys.append(record.key)
        encoded.append(record.value)
    return ((topics, times, keys, encoded),)
