"""Ingest: ``raw.*`` → Bronze, the immutable source-aligned table. What is no envelope goes to the dead letters, and so
do copies of an event with other content than the first.

raw.* ──(blocks per shard)──► fold: contract gate, first copy only ──┬──► bronze_raw
                                                                     └──► deadletter.ingestion.v1
"""

from __future__ import annotations

from flink_jobs import tables
from flink_jobs.bronze_rows import BRONZE_COLUMNS, OUTPUT, bronze, bronze_rows, bronze_select
from flink_jobs.operators.blocks import fold_shards, unpacked
from flink_jobs.operators.fold import Work
from flink_jobs.runtime import start
from schemas.domains import domains
from udfs.ingest import Ingestor


def main() -> None:
    """Build and submit the job."""
    # Bronze shows nothing before a checkpoint commits it, so neither buffers nor blocks are in a hurry.
    job = start("ingest", {"execution.buffer-timeout.interval": "100 ms"})
    config = job.settings
    job.ddl(
        [
            tables.wire_source("raw_log", config, domains().raw_topics(), "polyglot-ingest", fetch=tables.STORES),
            tables.wire_sink("dead_letters", config, ["deadletter.ingestion.v1"]),
            tables.append_table("bronze_raw", config, BRONZE_COLUMNS, "event_id", "ingest_date"),
        ]
    )
    work = Work(Ingestor.restore, bronze, bronze_rows)
    folded = fold_shards(job, "raw_log", work, OUTPUT, uid="gate-raw", linger_ms=250)
    job.table.create_temporary_view("folded", job.table.from_data_stream(folded))
    unpacked(job, folded, list(OUTPUT).index("dead_letters"), "letters", uid="gate-raw-unpack")
    job.submit(
        [
            f"INSERT INTO bronze_raw {bronze_select('folded')}",
            "INSERT INTO dead_letters SELECT ts, k, v FROM letters",
        ]
    )


if __name__ == "__main__":
    main()
