"""Accepted envelopes as columns of the Bronze table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from udfs.ingest.ingestor import BronzeBatch
from udfs.kernels.slices import Longs
from udfs.lake.files import LOW_CARDINALITY
from udfs.rows.arrow import texts

#: The table's columns, in order. Those of few values are dictionaries here, and plain texts to who reads the table.
SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("entity_id", LOW_CARDINALITY),
        ("venue", LOW_CARDINALITY),
        ("channel", LOW_CARDINALITY),
        ("event_time", pa.int64()),
        ("event_time_source", LOW_CARDINALITY),
        ("ingest_time", pa.int64()),
        ("source_id", LOW_CARDINALITY),
        ("source_seq", pa.int64()),
        ("payload", pa.binary()),
        ("ingest_date", LOW_CARDINALITY),
        ("topic", LOW_CARDINALITY),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
    ]
)


def bronze_columns(rows: BronzeBatch) -> Iterator[tuple[str, Any]]:
    """Return Arrow record batches of ``SCHEMA``, one for each ingest date (``YYYY-MM-DD``), in log order."""
    dates = sorted({context.ingest_date for context in rows.contexts})
    for date in dates:
        if len(dates) == 1:
            yield date, _batch(rows, np.arange(len(rows)))
        else:
            its = np.array([context.ingest_date == date for context in rows.contexts])
            yield date, _batch(rows, np.flatnonzero(its[rows.context]))


def _batch(rows: BronzeBatch, index: Longs) -> Any:
    env, n = rows.envelopes, len(index)
    columns = {
        "event_id": texts(env.event_ids.take(index), pa.string()),
        "event_time": pa.array(env.event_time[index]),
        "ingest_time": pa.array(env.ingest_time[index]),
        "source_seq": pa.array(env.source_seq[index]),
        "payload": texts(env.payloads.take(index), pa.binary()),
        "topic": _few([rows.topic], np.zeros(n, dtype=np.int64)),
        "kafka_partition": pa.array(np.full(n, rows.partition, dtype=np.int32)),
        "kafka_offset": pa.array(rows.offsets[index]),
    }
    context = rows.context[index]
    for name, values in zip(rows.contexts[0]._fields, zip(*rows.contexts, strict=True), strict=True):
        columns[name] = _few(list(values), context)
    return pa.RecordBatch.from_arrays([columns[field.name] for field in SCHEMA], schema=SCHEMA)


def _few(values: list[str], places: Longs) -> Any:
    """Return ``values[place]`` of each place as a dictionary of distinct values."""
    number = {value: k for k, value in enumerate(dict.fromkeys(values))}
    code = np.array([number[value] for value in values], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(code[places]), pa.array(list(number), pa.string()))
