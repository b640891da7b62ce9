"""Ingest: ``raw.*`` → Bronze, the immutable source-aligned table; what is no envelope goes to the dead letters.

raw.* ──(50 ms per shard)──► fold: contract gate, first copy only ──► bronze_raw
                                                               └──► deadletter.ingestion.v1
"""

from __future__ import annotations

from flink_jobs import tables
from flink_jobs.bronze_rows import BRONZE_COLUMNS, BRONZE_ROWS, PACKED, bronze_rows
from flink_jobs.runtime import start
from flink_jobs.shards import fold_shards
from schemas.domains import domains
from udfs.ingest import Ingestor


def main() -> None:
    """Build and submit the job."""
    job = start("ingest")
    config = job.settings
    job.ddl(
        [
            tables.wire_source("raw_log", config, domains().raw_topics(), "polyglot-ingest"),
            tables.wire_sink("dead_letters", config, ["deadletter.ingestion.v1"]),
            tables.append_table("bronze_raw", config, BRONZE_COLUMNS, "event_id", "ingest_date"),
        ]
    )
    fold_shards(job, "raw_log", PACKED, Ingestor.restore, bronze_rows, BRONZE_ROWS, view="folded", uid="gate-raw")

    bronze, wire = tables.names(BRONZE_COLUMNS), "topic, ts, k, v"
    job.submit(
        [
            f"INSERT INTO bronze_raw SELECT r.* FROM folded CROSS JOIN UNNEST(bronze) AS r ({bronze})",
            "INSERT INTO dead_letters SELECT TO_TIMESTAMP_LTZ(r.ts, 3), r.k, r.v "
            f"FROM folded CROSS JOIN UNNEST(dead_letters) AS r ({wire})",
        ]
    )


if __name__ == "__main__":
    main()
