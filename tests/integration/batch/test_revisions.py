"""Cancels and corrections through the replay: every bar is what a plain resolution of the same frames says."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support import lake
from support.revised import revised_bars

from batch.ranges import Span
from batch.replaying.files import records
from batch.replaying.replay import Replayed, replay

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

START = 1_723_161_590_000  # ms, ten seconds before 2024-08-09
ENTITY = "sim:BTCUSDT"


def session(seed: int) -> list[dict[str, Any]]:
    """Return 400 trades over 80 s, and revisions: repeated, competing, dangling, of the wrong time, a day later."""
    draw = random.Random(seed)
    trades, revisions = [], []
    for number in range(400):
        time = START + draw.randrange(80) * 1_000 + draw.choice([0, 0, 500])
        body = {"e": "trade", "E": time, "T": time, "s": "BTCUSDT", "t": number, "m": draw.random() < 0.5}
        trades.append({**body, "p": f"{draw.randrange(1, 9_999)}.{draw.randrange(100):02}", "q": f"0.{number + 1:04}"})
    trades.append({**trades[0], "t": 900, "T": START + 110_000, "E": START + 110_000})  # all of a second is cancelled
    marked = [*draw.sample(trades, 60), *draw.sample(trades, 30), trades[-1]]
    for number, trade in enumerate(marked):
        age = draw.choice([1_000, 1_000, 5_000, 100_000_000])
        body = {"s": "BTCUSDT", "i": number, "t": trade["t"], "O": trade["T"], "T": trade["T"] + age}
        body |= {"E": body["T"], "r": draw.randrange(3)}
        kind = "tradeCancel" if trade is trades[-1] or draw.random() < 0.4 else "tradeCorrect"
        revisions.append({"e": kind, **body, "p": str(draw.randrange(1, 20_000)), "q": str(draw.randrange(1, 9))})
    revisions.append({**revisions[0], "i": 901, "t": 12_345})  # of a trade that never comes
    revisions.append({**revisions[1], "i": 902, "O": revisions[1]["O"] - 60_000})  # of a trade that was not then
    frames = [*trades, *revisions]
    draw.shuffle(frames)
    return frames


def write(spark: SparkSession, folder: Path, frames: list[dict[str, Any]]) -> None:
    ordered = sorted(frames, key=lambda body: body["T"] // 86_400_000)  # ingest dates rise in the log
    raw = [lake.Frame(body["T"] * 1_000 + 2_000, json.dumps(body, separators=(",", ":")).encode()) for body in ordered]
    lake.write_bronze(spark, folder, lake.bronze_rows("sim", raw))


def found(spark: SparkSession, done: Replayed) -> dict[tuple[str, str, int], dict[str, Any]]:
    rows = records(spark, done.out, "bar").drop("value").collect()
    return {(row.entity_id, row.interval, row.window_start): row.asDict() for row in rows}


def same(actual: dict[str, Any], expected: dict[str, Any]) -> bool:
    return expected == {
        name: Decimal(actual[name]) if isinstance(value, Decimal) else actual[name] for name, value in expected.items()
    }


def test_bars_are_what_the_revised_trades_give(spark: SparkSession, tmp_path: Path) -> None:
    frames = session(11)
    write(spark, tmp_path, frames)
    done = replay(spark, tmp_path.as_uri(), tmp_path / "out", Span())
    assert done.balance["revision"]["frames"] == sum(body["e"] != "trade" for body in frames)
    assert done.records["trade"] == sum(body["e"] == "trade" for body in frames)
    expected = revised_bars([(body, n) for n, body in enumerate(frames)], ENTITY)
    bars = found(spark, done)
    assert bars.keys() == expected.keys()
    for key, bar in expected.items():
        assert same(bars[key], bar), key
    empty = [bar for bar in expected.values() if bar["trade_count"] == 0]
    assert empty
    assert any(bar["version"] > bar["trade_count"] > 0 for bar in expected.values())
    # A bounded replay sees the revisions that came a day later, too.
    span = Span(START * 1_000 + 20_000_000, START * 1_000 + 40_000_000)
    part = found(spark, replay(spark, tmp_path.as_uri(), tmp_path / "part", span, ENTITY))
    assert part == {key: bar for key, bar in bars.items() if span.start <= key[2] and bar["window_end"] <= span.end}
    assert len(part) == 20
