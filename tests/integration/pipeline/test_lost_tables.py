"""Gold, Silver and Bronze deleted under a stream and made again: it goes on, and nothing differs."""

import shutil

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

FEED = ("feed", "sim", "--simulate", "20000", "--malformed", "0.002", "--late", "0.02", "--cancels", "0.005")
SILVER_AND_GOLD = ("silver_trade", "silver_quote", "gold_bar", "gold_quote_bar")


def digests(stack):
    stack.json("drain", "--timeout", "600")
    proof = stack.json("verify", "--fail-on-empty")
    assert proof["differences"] == 0
    return {(one["table"], day["day"]): day["found_digest"] for one in proof["tables"] for day in one["days"]}


def lose(stack, *names):
    for name in names:
        shutil.rmtree(stack.settings.var_dir / "lake" / name)


def test_gold_and_silver_come_back_out_of_bronze(pipeline):
    pipeline.json(*FEED, "--seed", "5")
    before = digests(pipeline)
    # Too early, each in its own way: the table is there, its jobs run.
    assert "would write" in pipeline.run("tables", "rebuild", "silver_trade").stderr
    pipeline.json("savepoint", "normalize", "analytics", "--stop")
    assert "is there" in pipeline.run("tables", "rebuild", "silver_trade").stderr
    assert "ingest --fresh" in pipeline.run("tables", "rebuild", "bronze_raw").stderr
    lose(pipeline, *SILVER_AND_GOLD)
    rows = pipeline.json("tables", "rebuild", *SILVER_AND_GOLD)
    assert all(rows.values())
    pipeline.json("submit")
    assert digests(pipeline) == before
    pipeline.json(*FEED, "--seed", "6", "--start", "2026-01-06T00:00:00")
    assert len(digests(pipeline)) > len(before)


def test_a_table_is_not_made_of_what_the_jobs_have_not_read(pipeline):
    pipeline.json("savepoint", "normalize", "--stop")
    pipeline.json(*FEED, "--seed", "7", "--start", "2026-01-07T00:00:00")
    lose(pipeline, "silver_trade", "silver_quote")
    assert "records behind" in pipeline.run("tables", "rebuild", "silver_trade").stderr


def test_bronze_comes_back_out_of_kafka(pipeline):
    # Silver is still lost. A job without state reads all raw topics and writes it; what it sends again are copies.
    pipeline.json("submit", "normalize", "--fresh")
    before = digests(pipeline)
    pipeline.json("savepoint", "ingest", "--stop")
    lose(pipeline, "bronze_raw")
    pipeline.json("submit", "ingest", "--fresh")
    assert digests(pipeline) == before
