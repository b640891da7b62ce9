"""A 64-bit digest of a record's content: two copies of one event id with different digests are a conflict.

- The content of a trade is what it becomes: time, price, size and who took. So a venue may send it twice in its own
  ways: over two connections, in its stream and in a REST answer, which has no sending time and other zeros at the end.
- The content of a row of reference data is what its source does not restate in every edition
  (`udfs.venues.reference.content`).
- The content of everything else, and of what is no good trade, is its payload's bytes, without what differs from
  connection to connection (`udfs.kernels.content`).

Trades are read by the compiled scanner, and by the venue's dialect where that abstains; the two agree.
"""

from __future__ import annotations

import numpy as np

from udfs.dedup.dedup import Judged
from udfs.gate import judge as gate
from udfs.gate.topic_rules import Rules
from udfs.kernels import content, scanning
from udfs.kernels.slices import Longs, Octets, Slices
from udfs.rows.accepted import Accepted, Table
from udfs.values.rejects import Reject
from udfs.values.times import EARLIEST, LATEST
from udfs.venues import reference
from udfs.venues.frames import MAX_PAYLOAD
from udfs.wire.envelope import Envelopes

_BYTES = {"binance": content.WRAPPED, "coinbase": content.TYPED}
#: How late a frame is does not matter to what it says.
_ANY_TIME = 1 << 62


def digests(rules: Rules, env: Envelopes, judged: Judged) -> Longs:
    """Return the digest of each record's content; ``judged`` is `Dedup`'s verdict on the same batch."""
    said, shape = env.payloads, _BYTES.get(rules.dialect_name, content.WHOLE)
    if rules.dialect_name == "reference":
        said = Slices.of([reference.content(one) for one in env.payload])
    if rules.kind != "trade":
        return _digests(shape, said)
    trades = _trades(rules, env, judged)
    facts = np.stack([trades.time, *trades.numbers[:4], trades.flag.astype(np.int64)], axis=1, dtype="<i8")
    width = facts.shape[1] * facts.itemsize
    size = np.full(len(facts), width, dtype=np.int64)
    out = np.empty(len(env), dtype=np.int64)
    out[trades.rows] = _digests(content.WHOLE, Slices.packed(facts.tobytes(), size))
    others = np.setdiff1d(np.arange(len(env)), trades.rows)
    out[others] = _digests(shape, said.take(others))
    return out


def _digests(shape: int, payloads: Slices) -> Longs:
    out = np.empty(len(payloads), dtype=np.int64)
    content.content_digests(shape, content.WORDS, *payloads.parts, out)
    return out


def _trades(rules: Rules, env: Envelopes, judged: Judged) -> Accepted:
    """Return one trade of each record whose payload is what its envelope says."""
    table = Table(len(env))
    todo = judged.in_topic.copy()
    todo[judged.claims] = 0  # whether these are what they say is the gate's to find
    if rules.dialect_name == "binance":
        before: Octets = np.frombuffer(f"{rules.venue}:".encode(), dtype=np.uint8)
        scanning.scan_frames(
            scanning.SHAPES[rules.channel], scanning.WORDS, before, MAX_PAYLOAD, _ANY_TIME, _ANY_TIME, EARLIEST, LATEST,
            todo, *env.payloads.parts, *env.entity_ids.parts, judged.id_kind, judged.id_low,
            env.event_time, env.from_ingest, env.ingest_time,
            table.time, table.numbers.ravel(), table.flag,
        )  # fmt: skip
    for i in np.flatnonzero((judged.in_topic == 1) & (todo != scanning.SCANNED)).tolist():
        try:
            frame, _ = gate.identify(rules, env, i)
            table.add(i, rules.dialect.trades(frame))
        except Reject:
            continue  # its bytes are all that can be compared
    return table.rows(todo == scanning.SCANNED)
