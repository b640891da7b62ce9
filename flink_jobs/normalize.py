"""Normalize: ``raw.*`` → standard trades and quotes, dead letters, flags; Silver tails the normalized topics.

raw.* ──(blocks per shard)──► fold: dedup, gate, rules, entity_seq, encode ──┬──► normalized.trade.v1
                                                                             ├──► normalized.quote.v1
                                                                             ├──► normalized.gaps.v1
                                                                             ├──► normalized.trade_cancel.v1, …
                                                                             ├──► quality.normalization.v1
                                                                             └──► deadletter.normalization.v1
normalized.trade.v1 ──► drop transport duplicates ──► silver_trade
normalized.quote.v1 ──► drop transport duplicates ──► silver_quote
"""

from __future__ import annotations

from functools import partial

from flink_jobs import tables
from flink_jobs.operators.blocks import BYTES, fold_shards, unpacked
from flink_jobs.operators.fold import Work
from flink_jobs.replies import joined, normalized_records
from flink_jobs.runtime import Job, python_options, start
from flink_jobs.transport import OFFSET, fresh
from polyglot.config import settings
from schemas.domains import domains
from schemas.quality import load
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
    source, target, cols = f"normalized_{kind}", f"silver_{kind}", tables.columns(kind)
    topic, group = f"normalized.{kind}.v1", f"polyglot-silver_{kind}"
    job.ddl(
        [
            tables.contract_source(
                source, job.settings, kind, topic, group, cols=cols, extra=["pt AS PROCTIME()", OFFSET]
            ),
            tables.append_table(target, job.settings, {**cols, "ingest_date": "STRING"}, "event_id", "ingest_date"),
        ]
    )
    job.view(f"fresh_{kind}", fresh(source))
    return f"INSERT INTO {target} SELECT {tables.silver_select(kind)} FROM fresh_{kind}"


if __name__ == "__main__":
    main()
