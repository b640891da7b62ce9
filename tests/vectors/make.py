"""Write state vectors: what each fold's state was at this commit, and what it makes of the records that follow.

``python tests/vectors/make.py`` writes those of the present state version. Vectors that are there are never written
again: a state of today must be read tomorrow.
"""

from __future__ import annotations

import json
import random
import sys
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from property.frames import NUMBERS, TOPICS, _Log  # noqa: E402 - found by the line above
from property.oracle import envelope  # noqa: E402
from property.window_oracle import SECOND, Revision, Trade  # noqa: E402

from schemas.contracts import contract  # noqa: E402
from udfs.ingest import ingestor as ingest  # noqa: E402
from udfs.ingest.ingestor import Ingestor  # noqa: E402
from udfs.kernels.slices import Slices  # noqa: E402
from udfs.lake import silver  # noqa: E402
from udfs.lake.silver import SilverFold  # noqa: E402
from udfs.normalize import normalizer as normalize  # noqa: E402
from udfs.normalize.normalizer import Normalizer  # noqa: E402
from udfs.windows import fold as windows  # noqa: E402
from udfs.windows import saving  # noqa: E402
from udfs.wire.envelope import decode  # noqa: E402

NORMALIZED = ("normalized.trade.v1", "normalized.quote.v1")
CANCELS = "normalized.trade_cancel.v1"
#: How a fold is made anew or of a state, given its topic; and the topics that it is for.
FOLDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "normalize": (Normalizer.restore, tuple(TOPICS)),
    "ingest": (Ingestor.restore, tuple(TOPICS)),
    "silver": (
        lambda topic, log: SilverFold.restore(topic.split(".")[1], log),
        ("normalized.trade.v1", "normalized.quote.v1"),
    ),
    "bars": (lambda _, log: windows.restore("bar", log), ("normalized.trade.v1",)),
    "revised bars": (lambda _, log: windows.restore("bar", log), (CANCELS,)),
    "quote bars": (lambda _, log: windows.restore("quote_bar", log), ("normalized.quote.v1",)),
}
VERSIONS = {
    "normalize": normalize.STATE_VERSION, "ingest": ingest.STATE_VERSION, "silver": silver.STATE_VERSION,
    "bars": saving.VERSION, "revised bars": saving.VERSION, "quote bars": saving.VERSION,
}  # fmt: skip
RECORDS = 160


def log(topic: str) -> list[bytes]:
    """Return a topic's values; of a raw one with everything that happens: copies, holes, late and broken records."""
    if topic == CANCELS:
        return _revised()
    if topic.startswith("normalized."):
        return _normalized(topic)
    chance = random.Random(topic)
    made = _Log(*TOPICS[topic])
    while len(made.log) < RECORDS:
        made.step(chance.randrange(18), chance.randrange(48), chance.choice(NUMBERS), chance.choice(NUMBERS))
    return [envelope(raw) for raw in made.log[:RECORDS]]


def _normalized(topic: str) -> list[bytes]:
    """Return what comes of all raw topics of a kind, of which some is sent again."""
    found: list[bytes] = []
    for raw in TOPICS:
        out = Normalizer(raw).process(decode(log(raw))[0])
        made = (out.trades if topic == "normalized.trade.v1" else out.quotes).encode()
        found += [*made, *made[-3:]]
    return found[:RECORDS]


def _revised() -> list[bytes]:
    """Return trades of a venue that revises, with cancels and corrections behind and before them, and of old ones."""
    chance, start = random.Random("revised"), 1_723_161_600 * SECOND
    trades = [
        Trade("sim:A", start + n * SECOND, start + n * SECOND, n, str(n) * (1 + n % 9), 10**13 + n, 10**12, low_rate)
        for n in range(1, 200)
        for low_rate in [chance.choice(["buy", "sell"])]
    ]
    found, numbers = [], {0: 0, 1: 0}
    for n, trade in enumerate(trades):
        found.append(trade.wire())
        if n % 4 == 0:
            meant = trades[max(0, min(n + chance.choice([-180, -20, -3, 0, 2]), len(trades) - 1))]
            price = chance.choice([0, 7 * 10**12])
            numbers[price > 0] += 1
            seq = numbers[price > 0]
            revision = Revision(
                "sim:A", meant.time, trade.ingest, seq, meant.trade_id, seq % 3, trade.time, price, price
            )
            found.append(revision.wire())
    return found


def step(name: str, fold: Any, values: list[bytes], start: int) -> list[bytes]:
    """Let a fold process values; return all that comes of it, in order."""
    if name == "ingest":
        out = fold.process(values, list(range(start, start + len(values))), 3, [1_723_161_600_000] * len(values))
        found = [str(out.duplicates).encode(), *out.bronze.values.tolist()]
        return found + [letter.encode() for letter in (*out.dead_letters, *out.conflicts)]
    if name == "silver":
        kind = "trade" if values[0].startswith(contract("trade").header) else "quote"
        batches = fold.process(f"normalized.{kind}.v1", Slices.of(values))
        return [json.dumps(row, default=str).encode() for _, batch in batches for row in batch.to_pylist()]
    if name.endswith("bars"):
        kinds = {contract(topic.split(".")[1]).header: topic for topic in fold.definition.topics}
        for header, part in groupby(values, key=lambda value: value[:5]):
            fold.fold(kinds[header], Slices.of(list(part)))
        told = fold.tick(-1, everything=True)
        return [*told.results.wire().tolist(), *(request.encode() for request in told.requests)]
    out = fold.process(decode(values)[0])
    found = [str((out.duplicates, out.not_normalized, out.frames)).encode(), *out.trades.encode(), *out.quotes.encode()]
    return found + [letter.encode() for letter in out.dead_letters] + [record.value for record in out.low_rate]


def digests(values: list[bytes]) -> list[str]:
    return [blake2b(value, digest_size=12).hexdigest() for value in values]


def vector(name: str, topic: str) -> dict[str, Any]:
    """Return a fold's state as a snapshot and a delta, what follows, and what comes of that."""
    values = log(topic)
    # Before the snapshot, before the delta; the rest is after the restore.
    first, second = len(values) // 2, len(values) // 4
    fold = FOLDS[name][0](topic, ())
    step(name, fold, values[:first], 0)
    state = [fold.snapshot()]
    step(name, fold, values[first : first + second], first)
    state.append(fold.delta())
    rest = values[first + second :]
    return {
        "fold": name, "topic": topic, "state": [part.hex() for part in state], "after": first + second,
        "rest": [value.hex() for value in rest], "comes": digests(step(name, fold, rest, first + second)),
    }  # fmt: skip


def main() -> None:
    for name, (_, topics) in FOLDS.items():
        for topic in topics:
            short = topic.removeprefix("raw.").removesuffix(".v1")
            path = HERE / "states" / f"{name.replace(' ', '_')}.{short}.{VERSIONS[name]}.json"
            if not path.exists():
                path.write_text(json.dumps(vector(name, topic), indent=0) + "\n")


if __name__ == "__main__":
    main()
