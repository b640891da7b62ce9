"""Filling the raw topics with simulated frames as fast as the machine allows, for benchmarks."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from collectors.producer import RawProducer
from collectors.pump import Sender, venue_topics
from collectors.sim import SimSpec, Simulator
from collectors.sim.spec import VENUE
from runtime.config import Settings


def preload(settings: Settings, spec: SimSpec, count: int, *, processes: int = 1) -> dict[str, Any]:
    """Feed the first ``count`` frames of a spec with several processes, each its own entities; wait until acknowledged.

    The records are the same for any number of processes; only how entities interleave within a partition differs.
    Nothing is remembered: a second call sends everything again.

    Returns:
        ``frames``, ``acked``, ``seconds``, ``rate`` (records per second) and the ``manifest``.

    Raises:
        CommandError: no broker, no topics, or a record was not delivered.
    """
    started = time.monotonic()
    if processes == 1:
        results = [_part(settings, spec, count, 0, 1)]
    else:
        # Spawned, not forked: a forked librdkafka does not work.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            parts = [pool.submit(_part, settings, spec, count, part, processes) for part in range(processes)]
            results = [part.result() for part in parts]
    seconds = time.monotonic() - started
    acked = sum(result[0] for result in results)
    return {
        "frames": count,
        "acked": acked,
        "seconds": round(seconds, 3),
        "rate": round(acked / seconds, 1),
        "manifest": results[0][1],
    }


def _part(settings: Settings, spec: SimSpec, count: int, part: int, parts: int) -> tuple[int, dict[str, Any]]:
    source = Simulator(spec, count, part=part, parts=parts)
    producer = RawProducer(settings.kafka)
    producer.connect(venue_topics(VENUE))
    sender = Sender(VENUE, source.source_id, producer)
    with producer.closing():
        for block in source.blocks(0):
            sender.send(block)
    return producer.acked, source.manifest.document()
