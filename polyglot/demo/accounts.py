"""The books: every raw record is accounted for, and the sums are printed, not assumed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from polyglot.config import Settings
from polyglot.letters.flags import counts
from polyglot.letters.listing import Filter, letters
from schemas.quality import load
from udfs.conflicts import REASON as CONFLICT


def _letters(settings: Settings) -> tuple[dict[str, int], int]:
    """Return the dead letters by reason (each rejected record once), and how many of them ingestion rejected."""
    found = letters(settings, Filter())
    by_reason = Counter(letter.reason for letter in found)
    return dict(sorted(by_reason.items())), sum(letter.domain == "ingestion" for letter in found)


def accounts(settings: Settings, verified: dict[str, Any]) -> dict[str, Any]:
    """Return the demo's figures from the verification report and the dead-letter topics.

    ``duplicates`` are counted in the raw topics (records minus distinct event ids), not taken from the jobs, so that
    the balance is a statement about the jobs. Copies that came after their id was forgotten are no duplicates to them.
    A conflict is a duplicate, and a dead letter besides: the balance counts it once.
    """
    tables = {table["table"]: table for table in verified["tables"]}
    raw = next(check for check in verified["checks"] if check["name"].startswith("raw distinct"))
    replay = verified["replay"]["balance"]
    reasons, by_ingestion = _letters(settings)

    def found(name: str) -> int:
        return int(tables.get(name, {}).get("found", 0))

    frames = sum(balance["frames"] for balance in replay.values())
    revisions = found("normalized.trade_cancel.v1") + found("normalized.trade_correct.v1")
    records = found("normalized.trade.v1") + found("normalized.quote.v1") + revisions
    rejected = sum(reasons.values())
    conflicts = reasons.get(CONFLICT, 0)
    figures = {
        "raw": raw["raw_records"],
        "raw_distinct": raw["raw_distinct_event_ids"],
        "bronze": raw["bronze_rows"],
        "trades": found("normalized.trade.v1"),
        "quotes": found("normalized.quote.v1"),
        "revisions": revisions,
        "normalized": records,
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
    # A frame of Kraken holds several trades; everywhere else a frame is one record.
    several = records - frames
    figures["not_normalized"] = not_normalized
    figures["frames_with_several_trades"] = several
    figures["balance"] = {
        "raw (distinct event ids) = bronze": figures["raw_distinct"] == figures["bronze"] - figures["let_in_again"],
        "raw = normalized + duplicates + dead letters + kinds not normalized yet": figures["raw"]
        == records - several + figures["duplicates"] + rejected - conflicts + not_normalized,
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
