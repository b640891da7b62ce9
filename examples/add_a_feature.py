"""Add a feature: order-flow imbalance per minute, declared over trades and computed by the fold of the bars.

A declaration names windows, reducers and a contract. It needs no kernel: those that it uses are compiled once. The same
definition folds a stream, survives its crashes, and is merged from parts in a batch.

Run: ``python -m examples.add_a_feature``
"""

from __future__ import annotations

from typing import Any

import numpy as np

from collectors.sim import SimSpec, Simulator
from collectors.wrap import Wrapper
from schemas import catalog
from schemas.domains import raw_topic
from udfs.kernels.slices import Slices
from udfs.normalize.normalizer import Normalizer
from udfs.windows.declared import Declaration, Reduce, define
from udfs.windows.fold import WindowFold
from udfs.wire.envelope import decode

_DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 12}
_TIME = {"type": "long", "logicalType": "timestamp-micros"}
#: The contract of the results. In a checkout it is a file in ``schemas/``, and its id is pinned in ``ids.lock``.
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "order_flow",
    "fields": [
        {"name": "entity_id", "type": "string"},
        {"name": "interval", "type": "string"},
        {"name": "window_start", "type": _TIME},
        {"name": "volume", "type": _DECIMAL},
        {"name": "bought", "type": _DECIMAL},
        {"name": "largest", "type": _DECIMAL},
        {"name": "last_price", "type": _DECIMAL},
        {"name": "trades", "type": "long"},
        {"name": "version", "type": "long"},
    ],
}
ORDER_FLOW = Declaration(
    name="order_flow",
    kind="trade",
    lengths=(catalog.INTERVALS["1m"],),
    reducers=(
        Reduce("volume", "sum", "size"),
        Reduce("bought", "sum", "buy_size"),
        Reduce("largest", "max", "size"),
        Reduce("last_price", "last", "price"),
        Reduce("trades", "count"),
    ),
    schema=SCHEMA,
    schema_id=9_001,
)


def trades(frames: int) -> list[bytes]:
    """Return the normalized trades of a simulated venue, as their topic would have them."""
    simulated = Simulator(SimSpec(seed=11, symbols=3, rate=200, malformed_share=0.0), frames)
    wrapper, fold = Wrapper("sim", simulated.source_id), Normalizer(raw_topic("sim", "trade"))
    found: list[bytes] = []
    for block in simulated.blocks(0):
        values = zip(wrapper.wrap(block), block.channel, strict=True)
        mine = [value for value, channel in values if channel == "trade"]
        found += fold.process(decode(mine)[0]).trades.encode()
    return found


def imbalances(values: list[bytes]) -> dict[tuple[str, int], float]:
    """Return (bought - sold) / volume of each entity and minute, from the declared result."""
    definition = define(ORDER_FLOW)
    fold = WindowFold(definition)
    fold.fold(catalog.topic("trade"), Slices.of(values))
    results = fold.close().results
    found = [definition.record(value) for value in results.wire().tolist()]
    return {(one.entity_id, one.window_start): (2 * one.bought - one.volume) / one.volume for one in found}


def main() -> None:
    """Print the order flow of a simulated minute or two."""
    for (entity, start), value in sorted(imbalances(trades(20_000)).items()):
        print(f"{entity:16} {np.datetime64(start, 'us')}  {value:+.4f}")


if __name__ == "__main__":
    main()
