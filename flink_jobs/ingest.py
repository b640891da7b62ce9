"""Ingest: ``raw.*`` → Bronze, the immutable source-aligned table. What is no envelope goes to the dead letters, and so
do copies of an event with other content than the first.

raw.* ──(blocks per shard)──► fold: contract gate, first copy only ──┬──► Parquet files ──► Bronze
                                                                     └──► deadletter.ingestion.v1
"""

from __future__ import annotations

from flink_jobs.environment import start
from flink_jobs.io import stores, topics
from flink_jobs.lake_files import OUTPUT, BronzeFiles
from flink_jobs.operators.blocks import fold_shards, unpacked
from schemas import catalog
from schemas.domains import domains
from udfs.lake import bronze


def main() -> None:
    """Build and submit the job."""
    job = start("ingest")
    raw = topics.read(job, "raw topics", domains().raw_topics(), "polyglot-ingest", fetch=topics.STORES)
    # Bronze shows nothing before a checkpoint commits it, so blocks are in no hurry.
    folded = fold_shards(job, raw, BronzeFiles().work(), OUTPUT, name="contract gate", linger_ms=250)
    files, dead_letters = (list(OUTPUT).index(field) for field in ("files", "dead_letters"))
    topics.write(job, unpacked(folded, dead_letters, name="contract gate: dead letters"), "dead letter topic")
    stores.files(job, folded, files, catalog.BRONZE, bronze.SCHEMA, "Bronze")
    job.submit()


if __name__ == "__main__":
    main()
