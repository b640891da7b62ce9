"""Normalize: ``raw.*`` → standard trades and quotes, dead letters, flags; Silver tails the normalized topics.

raw.* ──(blocks per shard)──► fold: dedup, gate, rules, entity_seq, encode ──┬──► normalized.trade.v1
                                                                             ├──► normalized.quote.v1
                                                                             ├──► normalized.gaps.v1
                                                                             ├──► normalized.trade_cancel.v1, …
                                                                             ├──► quality.normalization.v1
                                                                             └──► deadletter.normalization.v1
normalized.trade.v1 ──(blocks per shard)──► fold: each record once ──► Parquet files ──► silver_trade
normalized.quote.v1 ──(blocks per shard)──► fold: each record once ──► Parquet files ──► silver_quote
"""

from __future__ import annotations

from functools import partial

from flink_jobs import tables
from flink_jobs.lake_files import SilverFiles
from flink_jobs.operators.blocks import BYTES, fold_shards, unpacked
from flink_jobs.operators.fold import Work
from flink_jobs.replies import joined, normalized_records
from flink_jobs.runtime import Job, python_options, start
from polyglot.config import settings
from schemas.domains import domains
from schemas.quality import load
from udfs.lake import silver
from udfs.normalize import Normalizer


def main() -> None:
    """Build and submit the job."""
    job = start("normalize", python_options(settings()))
    config = job.settings
    job.ddl(
        [
            tables.wire_source("raw_log", config, domains().raw_topics(normalized_only=True), "polyglot-normalize"),
            tables.wire_sink("normalized", config, domains().topics_of("normalization")),
        ]
    )
    work = Work(partial(Normalizer.restore, quality=load(config.quality_file)), normalized_records, joined)
    folded = fold_shards(job, "raw_log", work, {"reply": BYTES}, uid="fold-raw")
    unpacked(job, folded, 0, "folded", uid="fold-raw-unpack")
    inserts = ["INSERT INTO normalized SELECT topic, ts, k, v FROM folded"]

    if config.lake.enabled:
        inserts += [_silver(job, kind) for kind in ("trade", "quote")]
    job.submit(inserts)


def _silver(job: Job, kind: str) -> str:
    """Return the INSERT by which a Silver table tails its topic."""
    source, target = f"normalized_{kind}", f"silver_{kind}"
    job.ddl(
        [
            tables.wire_source(
                source, job.settings, [f"normalized.{kind}.v1"], f"polyglot-{target}", fetch=tables.STORES
            ),
            tables.files_table(target, job.settings, silver.layout(kind).schema, silver.KEY, silver.PARTITION),
        ]
    )
    work = SilverFiles(kind).work()
    files = fold_shards(job, source, work, {"files": BYTES}, uid=f"silver-{kind}", linger_ms=250)
    job.table.create_temporary_view(f"{target}_files", job.table.from_data_stream(files))
    return f"INSERT INTO {target} SELECT files FROM {target}_files WHERE files IS NOT NULL"


if __name__ == "__main__":
    main()
