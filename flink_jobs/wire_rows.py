"""What kernels return, as rows of topic, record time, key and value for a wire sink."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyflink.common import Row, Types

from udfs import envelope
from udfs.normalize import Normalizer

_BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
#: What a micro-batch carries of each record.
PACKED = {"`value`": _BYTES}
#: Topic, record time in ms (null: the client's), key, value.
WIRE_RECORD = Types.ROW_NAMED(["topic", "ts", "k", "v"], [Types.STRING(), Types.LONG(), _BYTES, _BYTES])
#: One packed element.
WIRE_ROWS = Types.ROW_NAMED(["records"], [Types.OBJECT_ARRAY(WIRE_RECORD)])


def dead_letter_rows(topic: str, letters: Iterable[Any]) -> list[Row]:
    """Return one record per dead letter; one without a time gets the client's."""
    return [Row(topic, d.event_time // 1000 or None, d.key(), d.encode()) for d in letters]


def normalized_rows(fold: Normalizer, batch: Row) -> Row:
    """Fold one micro-batch, Row(topic, partition, values).

    Values that are no envelope are the ingest job's dead letters, not this one's.
    """
    envelopes, _, _ = envelope.decode(batch[2])
    out = fold.process(envelopes)
    records: list[Row] = []
    for topic, kind in (("normalized.trade.v1", out.trades), ("normalized.quote.v1", out.quotes)):
        times = (kind.event_time // 1000).tolist()
        records.extend(map(Row, [topic] * len(times), times, kind.keys(), kind.encode()))
    records.extend(dead_letter_rows("deadletter.normalization.v1", out.dead_letters))
    return Row(records)
