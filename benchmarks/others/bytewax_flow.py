"""The light loop's work in Bytewax: a keyed stateful map between Kafka's operators.

Run by ``python -m bytewax.run benchmarks.others.bytewax_flow``; the environment says from where to where.
"""

from __future__ import annotations

import os
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from orjson import dumps, loads

from benchmarks.others.numbering import REMEMBERED, numbered, own_id

BROKERS = [os.environ["BENCH_BROKER"]]

Known = tuple[int, dict[int, None]]


def parse(message: Any) -> tuple[str, dict[str, Any]]:
    """Return key and frame of a message."""
    frame = loads(message.value)["data"]
    return f"{frame['s']} {frame['e']}", frame


def number(known: Known | None, frame: dict[str, Any]) -> tuple[Known, dict[str, Any] | None]:
    """Return what is known now, and the record; None for a copy."""
    seq, ids = known or (0, {})
    number = own_id(frame)
    if number in ids:
        return (seq, ids), None
    ids[number] = None
    if len(ids) > REMEMBERED:
        del ids[next(iter(ids))]
    return (seq + 1, ids), numbered(frame, seq + 1)


def message(keyed: tuple[str, dict[str, Any] | None]) -> Any:
    """Return what goes to Kafka; None for a copy."""
    key, record = keyed
    return None if record is None else KafkaSinkMessage(key.split()[0].encode(), dumps(record))


flow = Dataflow("light")
frames = kop.input("frames", flow, brokers=BROKERS, topics=[os.environ["BENCH_SOURCE"]], tail=False, batch_size=1000)
records = op.stateful_map("number", op.map("parse", frames.oks, parse), number)
kop.output("records", op.filter_map("message", records, message), brokers=BROKERS, topic=os.environ["BENCH_TARGET"])
