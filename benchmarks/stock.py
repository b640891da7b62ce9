"""Frames made in advance and fed at a steady rate, so that making them takes nothing from what is measured.

Started by ``python -m benchmarks.stock <file> <frames per second>``; prints ``{"frames": …, "seconds": …}``.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path

from confluent_kafka import Producer

from collectors.pump import TICK_S
from collectors.sim import SimSpec, Simulator
from collectors.sim.spec import VENUE
from collectors.wrap import Wrapper
from runtime.config import Settings
from schemas.domains import raw_topic

PARTS = 2
#: Topics, keys, values and times (ms) of some records.
Chunk = tuple[list[str], list[str], list[bytes], list[int]]


def write(path: Path, spec: SimSpec, frames: int) -> None:
    """Write the first frames of a spec, as they go to Kafka, with a process for each half of the entities."""
    with ProcessPoolExecutor(PARTS, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_write, path, spec, frames, part) for part in range(PARTS)]:
            done.result()


def _write(path: Path, spec: SimSpec, frames: int, part: int) -> None:
    source = Simulator(spec, frames, part=part, parts=PARTS)
    wrapper = Wrapper(VENUE, source.source_id)
    with _files(path)[part].open("wb") as file:
        for block in source.blocks(0):
            topics = [raw_topic(VENUE, channel) for channel in block.channel]
            stamps = [received // 1000 for received in block.receive_us]
            pickle.dump((topics, list(block.entity_id), wrapper.wrap(block), stamps), file, pickle.HIGHEST_PROTOCOL)


def _files(path: Path) -> list[Path]:
    return [path.with_suffix(f".{part}") for part in range(PARTS)]


def read(path: Path) -> Iterator[Chunk]:
    """Yield what `write` wrote; the halves of a moment follow each other."""
    for moment in zip_longest(*map(_chunks, _files(path))):
        yield from (chunk for chunk in moment if chunk is not None)


def _chunks(file: Path) -> Iterator[Chunk]:
    with file.open("rb") as source:
        while source.peek(1):
            yield pickle.load(source)  # noqa: S301 - our own file


def remove(path: Path) -> None:
    """Delete what `write` wrote."""
    for file in _files(path):
        file.unlink()


def feed(settings: Settings, path: Path, rate: int) -> tuple[int, float]:
    """Send a file's records at a rate; return how many there were and the seconds it took.

    Raises:
        TimeoutError: the broker did not acknowledge everything.
    """
    failed: list[str] = []
    producer = Producer({
        **settings.kafka.librdkafka(),
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 5,
        "batch.size": 1024 * 1024,
        "queue.buffering.max.messages": 1_000_000,
        "queue.buffering.max.kbytes": 1024 * 1024,
        "message.max.bytes": settings.kafka.max_message_bytes,
        "partitioner": "murmur2_random",
        "delivery.report.only.error": True,
        "on_delivery": lambda error, _: failed.append(str(error)),
    })  # fmt: skip
    began, sent, each = time.monotonic(), 0, max(1, int(rate * TICK_S))
    for topics, keys, values, stamps in read(path):
        for start in range(0, len(topics), each):
            wait = began + sent / rate - time.monotonic()
            if wait > 0:
                producer.poll(wait)
                time.sleep(max(0.0, began + sent / rate - time.monotonic()))
            part = slice(start, start + each)
            for topic, key, value, stamp in zip(topics[part], keys[part], values[part], stamps[part], strict=True):
                while True:
                    try:
                        producer.produce(topic, value, key, timestamp=stamp)
                    except BufferError:
                        producer.poll(0.1)
                    else:
                        break
            sent += len(topics[part])
    if producer.flush(120) or failed:
        raise TimeoutError(f"not everything was acknowledged: {failed[:1]}")
    return sent, time.monotonic() - began


if __name__ == "__main__":
    count, took = feed(Settings(), Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(json.dumps({"frames": count, "seconds": round(took, 1)}) + "\n")
