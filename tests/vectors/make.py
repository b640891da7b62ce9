"""Write state vectors: what each fold's state was at this commit, and what it makes of the records that follow.

``python tests/vectors/make.py`` writes those of the present state version. Vectors that are there are never written
again: a state of today must be read tomorrow.
"""

from __future__ import annotations

import json
import random
import sys
from hashlib import blake2b
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from property.frames import NUMBERS, TOPICS, _Log  # noqa: E402 - found by the line above
from property.oracle import envelope  # noqa: E402

from udfs.envelope import decode  # noqa: E402
from udfs.ingest import Ingestor  # noqa: E402
from udfs.normalize import STATE_VERSION, Normalizer  # noqa: E402

FOLDS: dict[str, Any] = {"normalize": Normalizer, "ingest": Ingestor}
PARTS = (80, 40, 40)  # before the snapshot, before the delta, after the restore


def log(topic: str) -> list[bytes]:
    """Return envelopes of a topic with everything that happens to one: copies, holes, late and broken records."""
    chance = random.Random(topic)
    made = _Log(*TOPICS[topic])
    while len(made.log) < sum(PARTS):
        made.step(chance.randrange(18), chance.randrange(48), chance.choice(NUMBERS), chance.choice(NUMBERS))
    return [envelope(raw) for raw in made.log[: sum(PARTS)]]


def step(name: str, fold: Any, values: list[bytes], start: int) -> list[bytes]:
    """Let a fold process values; return all that comes of it, in order."""
    if name == "ingest":
        out = fold.process(values, list(range(start, start + len(values))), 3, [1_723_161_600_000] * len(values))
        found = [str(out.duplicates).encode(), *out.bronze.values.tolist()]
        return found + [letter.encode() for letter in (*out.dead_letters, *out.conflicts)]
    out = fold.process(decode(values)[0])
    found = [str((out.duplicates, out.not_normalized, out.frames)).encode(), *out.trades.encode(), *out.quotes.encode()]
    return found + [letter.encode() for letter in out.dead_letters] + [record.value for record in out.side]


def digests(values: list[bytes]) -> list[str]:
    return [blake2b(value, digest_size=12).hexdigest() for value in values]


def vector(name: str, topic: str) -> dict[str, Any]:
    """Return a fold's state as a snapshot and a delta, what follows, and what comes of that."""
    values = log(topic)
    first, second, _ = PARTS
    fold = FOLDS[name](topic)
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
    for name in FOLDS:
        for topic in TOPICS:
            path = HERE / "states" / f"{name}.{topic.removeprefix('raw.').removesuffix('.v1')}.{STATE_VERSION}.json"
            if not path.exists():
                path.write_text(json.dumps(vector(name, topic), indent=0) + "\n")


if __name__ == "__main__":
    main()
