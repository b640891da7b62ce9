"""Bronze into a snapshot, and out of it into the raw topics of an empty stack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from batch.publishing.sender import Sender, said
from batch.replaying.files import COUNTS_SCHEMA, ArrowFunction, Batches, counted
from batch.snapshots.snapshot_manifest import File, Manifest, SnapshotError
from batch.spark.bronze import ENVELOPE
from runtime.object_store import Place, source
from schemas.catalog import LOG
from udfs.wire.envelope import encode_one

FOLDER = "bronze"
_BLOCK = 8 << 20
_SENT = "sent"


def save(uris: Sequence[str], place: Place) -> tuple[list[File], int]:
    """Copy Bronze's files into a snapshot as they are; return them and how many rows they have."""
    place.files.create_dir(f"{place.path}/{FOLDER}", recursive=True)
    found, rows = [], 0
    for number, uri in enumerate(sorted(uris)):
        name = f"{FOLDER}/{number:06}.parquet"
        digest, size = hashlib.sha256(), 0
        with _opened(uri) as file, place.files.open_output_stream(f"{place.path}/{name}") as out:
            rows += pq.read_metadata(file).num_rows
            file.seek(0)
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
                out.write(block)
        found.append(File(name, size, digest.hexdigest()))
    return found, rows


def _opened(uri: str) -> pa.NativeFile:
    found = source(uri)
    return found if isinstance(found, pa.NativeFile) else pa.OSFile(str(found))


def demand_whole(manifest: Manifest, place: Place) -> None:
    """See that a snapshot's files are what its manifest says.

    Raises:
        SnapshotError: one is missing or differs.
    """
    for one in manifest.files:
        digest = hashlib.sha256()
        try:
            with place.files.open_input_file(f"{place.path}/{one.name}") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise SnapshotError(f"{place.uri}/{one.name} cannot be read: {error}") from error
        if digest.hexdigest() != one.sha256:
            raise SnapshotError(f"{place.uri}/{one.name} is not what was saved: its digest differs")


def send(spark: SparkSession, manifest: Manifest, place: Place, kafka: Mapping[str, Any]) -> int:
    """Send a snapshot's records to the raw topics, each partition's in the order of its log; return how many.

    Raises:
        PublishError: the broker did not take a record.
    """
    if not manifest.files:
        return 0
    rows = spark.read.parquet(*(f"{place.uri}/{one.name}" for one in manifest.files))
    columns = [*dict.fromkeys((*LOG, *ENVELOPE))]
    topic, partition, offset = LOG
    ordered = rows.select(*columns).repartition(topic, partition).sortWithinPartitions(topic, partition, offset)
    try:
        counts = ordered.mapInArrow(_sending(dict(kafka)), COUNTS_SCHEMA).collect()
    except Py4JJavaError as error:
        if refused := said(error):
            raise refused from error
        raise
    return sum(row["count"] for row in counts)


def _sending(kafka: Mapping[str, Any]) -> ArrowFunction:
    key, time = ENVELOPE.index("entity_id"), ENVELOPE.index("event_time")

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        with Sender(kafka) as sender:
            for batch in batches:
                places = (batch.column(name).to_pylist() for name in LOG[:2])
                envelopes = zip(*(batch.column(name).to_pylist() for name in ENVELOPE), strict=True)
                for topic, partition, row in zip(*places, envelopes, strict=True):
                    sender.send(topic, row[key], encode_one(*row), row[time] // 1000, partition)
        yield counted({_SENT: sender.count})

    return run
