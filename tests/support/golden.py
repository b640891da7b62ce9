"""Golden savepoints: what a released version saved, the log behind it, and what must come of it.

``savepoints/golden/VERSION/`` has the savepoints of all jobs, every record of every topic as they were then, and
digests of what the topics held after more was fed. Each later version must restore them and come to the same digests.

``PYTHONPATH=tests python -m support.golden VERSION`` makes one, with this code, on a stack of its own.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from operations.jobs import JOBS
from operations.runs import Runs, remember
from runtime.offsets import OffsetReader
from schemas.domains import domains
from support.stack import Stack
from support.topics import records, values

FOLDER = Path(__file__).resolve().parents[2] / "savepoints" / "golden"
#: Fed before the savepoints and after them; some of the second part is late for windows of the first.
BEFORE = ["feed", "sim", "--simulate", "3000", "--seed", "81", "--start", "2026-01-05T10:00:00", "--no-resume"]
AFTER = ["feed", "sim", "--simulate", "1500", "--seed", "82", "--start", "2026-01-05T10:00:04", "--no-resume"]
#: Topics and what their records replace each other by; trades and quotes may come twice, but never change.
TOPICS = {
    "normalized.trade.v1": ("trade", ("event_id",)),
    "normalized.quote.v1": ("quote", ("event_id",)),
    "analytics.bar.v1": ("bar", ("entity_id", "interval", "window_start")),
    "analytics.quote_bar.v1": ("quote_bar", ("entity_id", "window_start")),
}


def digests(stack: Stack) -> dict[str, str]:
    """Drain; return a digest of each topic: the newest version of each of its records, whatever their order."""
    stack.json("drain", "--timeout", "600")
    found, bootstrap = {}, stack.settings.kafka.bootstrap_servers
    for topic, (kind, key) in TOPICS.items():
        latest: dict[tuple, tuple[int, bytes]] = {}
        for fields, value in zip(records(bootstrap, topic, kind), values(bootstrap, topic), strict=True):
            which = tuple(fields[name] for name in key)
            latest[which] = max(latest.get(which, (0, b"")), (fields.get("version", 0), value))
        state = hashlib.sha256()
        for _, value in sorted(latest.values()):
            state.update(hashlib.sha256(value).digest())
        found[topic] = f"{len(latest)} {state.hexdigest()}"
    return found


def take(stack: Stack, folder: Path) -> None:
    """Make a golden savepoint on an empty stack whose jobs run."""
    stack.json(*BEFORE)
    stack.json("drain", "--timeout", "600")
    paths = stack.json("savepoint", "--stop")
    folder.mkdir(parents=True)
    with gzip.open(folder / "log.jsonl.gz", "wt", compresslevel=9) as out:
        out.writelines(json.dumps(record) + "\n" for record in _log(stack))
    with tarfile.open(folder / "savepoints.tar.xz", "w:xz") as archive:
        for job, path in sorted(paths.items()):
            archive.add(path.removeprefix("file:"), job)
    stack.json("submit")
    stack.json(*AFTER)
    (folder / "digests.json").write_text(json.dumps(digests(stack), indent=2) + "\n")


def load(stack: Stack, folder: Path) -> None:
    """Bring a golden savepoint onto an empty stack whose jobs do not run yet: `submit` then goes on from it."""
    producer = Producer({"bootstrap.servers": stack.settings.kafka.bootstrap_servers, "partitioner": "consistent"})
    with gzip.open(folder / "log.jsonl.gz", "rt") as lines:
        for line in lines:
            topic, partition, at, key, value = json.loads(line)
            producer.produce(topic, _bytes(value), _bytes(key), partition, timestamp=at)
            producer.poll(0)
    assert producer.flush(120) == 0
    target = stack.layout.savepoints
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(folder / "savepoints.tar.xz") as archive:
        archive.extractall(target, filter="data")
    for job in JOBS:
        remember(stack.settings, job, Runs(savepoints=[(target / job).as_uri()]))


def _log(stack: Stack) -> list[list[Any]]:
    """Return topic, partition, time (ms), key and value of every record, in the order of the partitions."""
    bootstrap, found = stack.settings.kafka.bootstrap_servers, []
    ends = OffsetReader(stack.settings).ends(domains().topics)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "golden", "enable.auto.commit": False})
    try:
        for (topic, partition), end in sorted(ends.items()):
            consumer.assign([TopicPartition(topic, partition, 0)])
            position = 0
            while position < end:
                for message in consumer.consume(5000, 1.0):
                    assert message.error() is None
                    # Offsets must come out the same, so nothing may have been left out: no transaction, no compaction.
                    assert message.offset() == position, (topic, partition, position)
                    position += 1
                    found.append(
                        [topic, partition, message.timestamp()[1], _text(message.key()), _text(message.value())]
                    )
    finally:
        consumer.close()
    return found


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _main(version: str) -> None:
    folder = FOLDER / version
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        stack = Stack(Path(place), memory_mb=2560, slots=8)
        try:
            stack.json("up")
            stack.json("submit")
            take(stack, folder)
        finally:
            stack.close()


if __name__ == "__main__":
    _main(sys.argv[1])
