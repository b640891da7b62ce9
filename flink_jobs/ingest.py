"""Ingest: ``raw.*`` → Bronze, the immutable source-aligned table. What is no envelope goes to the dead letters, and so
do copies of an event with other content than the first.

raw.* ──(250 ms per shard)──► fold: contract gate, first copy only ──┬──► bronze_raw
                                                                     └──► deadletter.ingestion.v1
"""

from __future__ import annotations

from flink_jobs import tables
from flink_jobs.bronze_rows import BRONZE_COLUMNS, OUTPUT, PACKED, bronze_columns, bronze_select
from flink_jobs.runtime import start
from flink_jobs.shards import fold_shards, unpacked
from flink_jobs.wire_rows import WIRE_COLUMNS
from schemas.domains import domains
from udfs.ingest import Ingestor


def main() -> None:
    """Build and submit the job."""
    # Bronze shows nothing before a checkpoint commits it, so neither buffers nor micro-batches are in a hurry.
    job = start("ingest", {"execution.buffer-timeout.interval": "100 ms"})
    config = job.settings
    job.ddl(
        [
            tables.wire_source("raw_log", config, domains().raw_topics(), "polyglot-ingest", fetch=tables.STORES),
            tables.wire_sink("dead_letters", config, ["deadletter.ingestion.v1"]),
            tables.append_table("bronze_raw", config, BRONZE_COLUMNS, "event_id", "ingest_date"),
        ]
    )
    # Nor in no hurry at all: with a backlog, what comes within a second is 14 MB, and the collector's work.
    fold_shards(
        job, "raw_log", PACKED, Ingestor.restore, bronze_columns, OUTPUT, view="folded", uid="gate-raw", pack_ms=250
    )

    letter = "TO_TIMESTAMP_LTZ(ts, 3), k, v"
    job.submit(
        [
            f"INSERT INTO bronze_raw {bronze_select('folded')}",
            f"INSERT INTO dead_letters {unpacked('folded', 'dead_letters', WIRE_COLUMNS, letter)}",
        ]
    )


if __name__ == "__main__":
    main()
