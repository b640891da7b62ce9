"""A broker in a temporary folder, run by the command line as a user would, and what the raw topics hold."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Consumer, TopicPartition

from runtime.config import Settings
from runtime.layout import Layout
from runtime.ports import free_ports
from runtime.stack_state import read_state
from schemas.contracts import contract

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMA = fastavro.parse_schema(contract("raw_envelope").schema)


@dataclass(frozen=True)
class Record:
    """One record of a raw topic, decoded by an independent Avro reader."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str
    value: bytes
    body: dict[str, Any]


class Broker:
    """A broker in a temporary folder; `polyglot(…)` runs the command line against it."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1, run=2)
        self.settings = Settings(var_dir=folder / "var", kafka={"bootstrap_servers": f"127.0.0.1:{port}"})
        self.env = {
            **os.environ,
            "POLYGLOT_VAR_DIR": str(self.settings.var_dir),
            "POLYGLOT_KAFKA__BOOTSTRAP_SERVERS": self.settings.kafka.bootstrap_servers,
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "polyglot.cli", *arguments]

    def polyglot(self, *arguments: str, timeout: float = 240) -> str:
        done = subprocess.run(
            self.command(*arguments), env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command in the background; if the test fails before its end, kill it and show what it said."""
        process = subprocess.Popen(
            self.command(*arguments), env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                out, err = process.communicate()
                print(f"exit {process.returncode}\n{out}\n{err}")  # noqa: T201 - pytest shows it with the failure

    def pid(self) -> int:
        state = read_state(Layout.at(self.settings.var_dir))
        assert state
        assert state.components["kafka"].pid
        return state.components["kafka"].pid

    def ends(self, venue: str) -> dict[tuple[str, int], tuple[int, int]]:
        """Return first and end offset of each of a venue's raw partitions."""
        with self._consumer() as consumer:
            found = consumer.list_topics(timeout=30).topics
            return {
                (name, partition): consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=30)
                for name, topic in found.items()
                if name.startswith(f"raw.{venue}.")
                for partition in topic.partitions
            }

    def count(self, venue: str) -> int:
        return sum(end - first for first, end in self.ends(venue).values())

    def records(self, venue: str, since: dict[tuple[str, int], tuple[int, int]] | None = None) -> list[Record]:
        """Return a venue's raw records, partition by partition in offset order; with `since`, only newer ones."""
        found: list[Record] = []
        with self._consumer() as consumer:
            for (topic, partition), (first, end) in sorted(self.ends(venue).items()):
                begin = since[topic, partition][1] if since else first
                consumer.assign([TopicPartition(topic, partition, begin)])
                while begin < end:
                    for message in consumer.consume(min(5000, end - begin), timeout=30):
                        assert message.error() is None, message.error()
                        begin = message.offset() + 1
                        found.append(decode(message))
        return found

    def _consumer(self) -> _Closing:
        return _Closing(
            Consumer({
                **self.settings.kafka.librdkafka(), "group.id": "test", "enable.auto.commit": False,
                "auto.offset.reset": "error", "fetch.message.max.bytes": 16 * 1024 * 1024,
            })
        )  # fmt: skip


class _Closing:
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def __enter__(self) -> Consumer:
        return self._consumer

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def decode(message: Any) -> Record:
    value = message.value()
    assert value[:5] == contract("raw_envelope").header
    rest = io.BytesIO(value[5:])
    body = fastavro.schemaless_reader(rest, SCHEMA, return_record_name=False)
    assert not rest.read()
    body = {name: micros(got) if name.endswith("_time") else got for name, got in body.items()}
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key().decode(),
        value,
        body,
    )


def micros(time: Any) -> int:
    """Return µs of fastavro's aware datetime, exactly."""
    since = time - EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds
