"""Reconciliation: every raw record is accounted for, and the sums are printed, not assumed.

Each term is counted where it lies: raw records, duplicates and what was let in again in the raw topics, normalized
frames in the normalized topics, dead letters in theirs, Bronze in its table. Only which frames are of a kind that is
not normalized yet comes from the replay, for nothing but a kernel knows it. Which of several trades of one frame are
there is not counted here: ``verify`` compares them one by one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from operations.dead_letters.flags import counts
from operations.dead_letters.listing import Filter, dead_letters
from runtime.config import Settings
from schemas import catalog
from schemas.quality import load
from udfs.ingest.conflicts import REASON as CONFLICT

_REVISIONS = tuple(catalog.topic(kind) for kind in catalog.REVISIONS)
_NORMALIZED = (*(catalog.topic(kind) for kind in catalog.NORMALIZED), *_REVISIONS)


def _dead_letters(settings: Settings) -> tuple[dict[str, int], int]:
    """Return the dead letters by reason (each rejected record once), and how many of them ingestion rejected."""
    found = dead_letters(settings, Filter())
    by_reason = Counter(letter.reason for letter in found)
    return dict(sorted(by_reason.items())), sum(letter.domain == "ingestion" for letter in found)


def reconcile(settings: Settings, verified: dict[str, Any]) -> dict[str, Any]:
    """Return the demo's figures from the verification report and the dead-letter topics.

    ``duplicates`` are counted in the raw topics (records minus distinct event ids), not taken from the jobs, so that
    the balance is a statement about the jobs. Copies that came after their id was forgotten are no duplicates to them.
    A conflict is a duplicate, and a dead letter besides: the balance counts it once.
    """
    tables = {table["table"]: table for table in verified["tables"]}
    raw = next(check for check in verified["checks"] if check["name"].startswith("raw distinct"))
    replay = verified["replay"]["balance"]
    dense = {check["name"]: check for check in verified["checks"]}
    reasons, by_ingestion = _dead_letters(settings)

    def found(name: str) -> int:
        return int(tables.get(name, {}).get("found", 0))

    def frames(name: str) -> int:
        return int(dense.get(f"entity_seq is dense in {name}", {}).get("frames", 0))

    records = sum(found(name) for name in _NORMALIZED)
    normalized_frames = sum(frames(name) for name in _NORMALIZED)
    # A frame of Kraken holds several trades; everywhere else a frame is one record.
    several = [found(name) - frames(name) for name in _NORMALIZED]
    rejected = sum(reasons.values())
    conflicts = reasons.get(CONFLICT, 0)
    figures = {
        "raw": raw["raw_records"],
        "raw_distinct": raw["raw_distinct_event_ids"],
        "bronze": raw["bronze_rows"],
        "trades": found("normalized.trade.v1"),
        "quotes": found("normalized.quote.v1"),
        "revisions": sum(found(name) for name in _REVISIONS),
        "normalized": records,
        "normalized_frames": normalized_frames,
        "trades_beyond_one_per_frame": sum(several),
        "duplicates": raw["raw_duplicates"] - raw["bronze_let_in_again"],
        "let_in_again": raw["bronze_let_in_again"],
        "dead_letters": rejected,
        "dead_letters_by_reason": reasons,
        "dead_letters_of_ingestion": by_ingestion,
        "conflicts": conflicts,
        "gaps": found("normalized.gaps.v1"),
        "silver": found("silver_trade") + found("silver_quote"),
        "bars": found("analytics.bar.v1"),
        "quote_bars": found("analytics.quote_bar.v1"),
        "gold": found("gold_bar") + found("gold_quote_bar"),
        "clickhouse_rows": found("clickhouse.bars") + found("clickhouse.quote_bars"),
    }
    not_normalized = _not_normalized(raw["bronze_rows"], replay)
    figures["not_normalized"] = not_normalized
    figures["balance"] = {
        "raw (distinct event ids) = bronze": figures["raw_distinct"] == figures["bronze"] - figures["let_in_again"],
        "raw = normalized + duplicates + dead letters + kinds not normalized yet": figures["raw"]
        == normalized_frames + figures["duplicates"] + rejected - conflicts + not_normalized
        and min(several) >= 0,
    }
    figures["quality"] = [line.document() for line in counts(settings, load(settings.quality_file))]
    figures["verify"] = {
        "records": verified["records"],
        "differences": verified["differences"],
        "passed": verified["passed"],
        "replay_events_per_second": verified["replay"].get("events_per_second"),
        "tables": {name: table["status"] for name, table in tables.items()},
    }
    return figures


def _not_normalized(rows: int, replay: dict[str, dict[str, int]]) -> int:
    """Return how many of Bronze's frames are of kinds that are not normalized yet.

    These are the frames that the kernels recognise as such, and all of the raw topics that no kernel reads.
    """
    read = sum(balance["envelopes"] for balance in replay.values())
    recognised = sum(balance["not_normalized"] for balance in replay.values())
    return rows - read + recognised
