"""Normalize: ``raw.*`` → standard trades and quotes, dead letters, flags; Silver tails the normalized topics.

raw.* ──(blocks per shard)──► fold: dedup, gate, rules, entity_seq, encode ──┬──► normalized.trade.v1
                                                                             ├──► normalized.quote.v1
                                                                             ├──► normalized.gaps.v1
                                                                             ├──► normalized.trade_cancel.v1, …
                                                                             ├──► quality.normalization.v1
                                                                             └──► deadletter.normalization.v1
normalized.trade.v1 ──(blocks per shard)──► fold: each record once ──► Parquet files ──► Silver trades
normalized.quote.v1 ──(blocks per shard)──► fold: each record once ──► Parquet files ──► Silver quotes
"""

from __future__ import annotations

from functools import partial

from flink_jobs.environment import Job, start
from flink_jobs.filling import steps
from flink_jobs.io import stores, topics
from flink_jobs.lake_files import SilverFiles
from flink_jobs.operators.blocks import BYTES, fold_shards, unpacked
from flink_jobs.operators.fold import Work
from flink_jobs.replies import NORMALIZER_COUNTERS, joined, normalized_records
from schemas import catalog
from schemas.domains import domains
from schemas.quality import load
from udfs.lake import silver
from udfs.normalize.normalizer import STATE_VERSION, Normalizer


def main() -> None:
    """Build and submit the job."""
    job = start("normalize")
    raw = topics.read(job, "raw topics", domains().raw_topics(normalized_only=True), "polyglot-normalize")
    quality = load(job.settings.quality_file)
    copies = job.replay.redriven if job.replay else {}
    fill = job.settings.flink.fill
    work = Work(
        restore=partial(Normalizer.restore, quality=quality, copies=copies),
        process=normalized_records,
        emit=joined,
        states=(STATE_VERSION,),
        counters=NORMALIZER_COUNTERS,
        versioned=True,
        before=partial(steps, fill.resolve()) if fill else None,
    )
    folded = fold_shards(job, raw, work, {"reply": BYTES}, name="normalize")
    topics.write(job, unpacked(folded, 0, name="normalize: records"), "normalized topics")
    for kind in ("trade", "quote") if job.settings.lake.enabled else ():
        _silver(job, kind)
    job.submit()


def _silver(job: Job, kind: str) -> None:
    """Let a Silver table tail its topic."""
    table, topic = catalog.lake_table(kind), catalog.topic(kind)
    records = topics.read(job, f"{kind} topic", [topic], f"polyglot-{table}", fetch=topics.STORES)
    files = fold_shards(job, records, SilverFiles(kind).work(), {"files": BYTES}, name=f"silver {kind}", linger_ms=250)
    stores.files(job, files, 0, table, silver.layout(kind).schema, f"Silver {kind}s")


if __name__ == "__main__":
    main()
