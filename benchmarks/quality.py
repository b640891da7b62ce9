"""What the rules of ``schemas/quality.toml`` cost the normalizer, and how much they flag.

``python -m benchmarks.quality [<venue>=<capture>]…``; without a capture, on simulated frames. Each raw topic's frames
are folded in batches as a busy stream packs them, with the rules and without; CPU seconds, the best of several rounds.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from collectors.block import Block
from collectors.capture import Capture
from collectors.sim import SimSpec
from collectors.sim.source import Simulator
from collectors.wrap import Wrapper
from schemas.domains import domains
from schemas.quality import Quality, default_quality
from udfs.kernels.slices import Slices
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode

BATCH, ROUNDS = 2_000, 5


def topics(blocks: Iterable[Block], venue: str, source_id: str) -> dict[str, list[bytes]]:
    """Return each normalized raw topic's Kafka values."""
    wrapper = Wrapper(venue, source_id)
    wanted = set(domains().raw_topics(normalized_only=True))
    found: dict[str, list[bytes]] = {}
    for block in blocks:
        for channel, value in zip(block.channel, wrapper.wrap(block), strict=True):
            topic = f"raw.{venue}.{channel}.v1"
            if topic in wanted:
                found.setdefault(topic, []).append(value)
    return found


def fold(topic: str, batches: list[Slices], quality: Quality) -> tuple[float, Counter[str]]:
    """Return CPU seconds of a normalizer that decodes, judges and encodes, and its flags by rule."""
    normalizer, flags = Normalizer(topic, quality), Counter[str]()
    began = time.process_time()
    for batch in batches:
        out = normalizer.process(decode(batch)[0])
        out.trades.encode()
        out.quotes.encode()
        normalizer.delta()
        flags.update(record.topic for record in out.low_rate)
    return time.process_time() - began, flags


def report(found: dict[str, list[bytes]]) -> Iterator[str]:
    """Yield a line per topic."""
    for topic, values in sorted(found.items()):
        batches = [Slices.of(values[at : at + BATCH]) for at in range(0, len(values), BATCH)]
        runs = [(fold(topic, batches, Quality(())), fold(topic, batches, default_quality())) for _ in range(ROUNDS)]
        without, ruled = min(run[0][0] for run in runs), min(run[1][0] for run in runs)
        flags = sum(runs[0][1][1].values())
        yield (
            f"{topic}: {len(values):,} records, {len(values) / without:,.0f}/s without rules, "
            f"{len(values) / ruled:,.0f}/s with, {100 * (ruled / without - 1):.1f} % more, {flags} flags"
        )


def main() -> None:
    """Print the figures."""
    if not sys.argv[1:]:
        simulator = Simulator(SimSpec(), 400_000)
        print("\n".join(report(topics(simulator.blocks(0), "sim", simulator.source_id))))
    for argument in sys.argv[1:]:
        venue, _, path = argument.partition("=")
        capture = Capture(venue, Path(path))
        print("\n".join(report(topics(capture.blocks(0), venue, capture.source_id))))


if __name__ == "__main__":
    main()
