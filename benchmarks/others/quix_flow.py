"""The light loop's work in Quix Streams: a stateful function of a streaming data frame.

Run by ``python -m benchmarks.others.quix_flow``; the environment says from where to where.
"""

from __future__ import annotations

import os
from typing import Any

from quixstreams import Application, State

from benchmarks.others.numbering import numbered, own_id


def number(value: dict[str, Any], state: State) -> dict[str, Any] | None:
    """Return the record of a frame; None for a copy."""
    frame = value["data"]
    kind, key = frame["e"], f"{frame['e']} {own_id(frame)}"
    if state.exists(key):
        return None
    state.set(key, value=True)
    seq = state.get(kind, 0) + 1
    state.set(kind, seq)
    return numbered(frame, seq)


def main() -> None:
    """Run until every frame was read."""
    app = Application(
        broker_address=os.environ["BENCH_BROKER"],
        consumer_group=os.environ["BENCH_GROUP"],
        auto_offset_reset="earliest",
        state_dir=os.environ["BENCH_STATE"],
        loglevel="WARNING",
    )
    frames = app.topic(os.environ["BENCH_SOURCE"], value_deserializer="json")
    records = app.topic(os.environ["BENCH_TARGET"], value_serializer="json")
    flow = app.dataframe(frames)
    flow = flow.apply(number, stateful=True)
    flow = flow.filter(lambda record: record is not None)
    flow.to_topic(records)
    app.run(count=int(os.environ["BENCH_COUNT"]), timeout=60.0)


if __name__ == "__main__":
    main()
