"""`polyglot verify` on small stores of every kind: equal, then each spoiled in every way, all at once.

Topics are in memory and the ClickHouse engine has no gateway before it; everything else is what an operator runs: the
command, Spark, the comparison, Hudi tables, the queries. One run of the command meets all faults, each in records of
its own: every fault must be named, and nothing that is none.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support import lake
from support.chdb_engine import Client, Engine
from support.memory_log import MemoryLog
from support.spoiled import (
    ENTITY,
    NOON,
    SECOND,
    Stores,
    added,
    again,
    bar,
    bar_changed,
    bar_lost,
    changed,
    clickhouse,
    envelope,
    fault,
    insert,
    keyed,
    last_byte,
    lost,
    table,
    topic,
    trade,
    where,
    without,
    write_lake,
)

import batch.spark.clickhouse
import batch.spark.partitions
import batch.spark.topics
import batch.verifying.verify
import polyglot.cli.verify
from batch.ranges import Span
from batch.replaying.files import low_rate, records, rejected
from batch.replaying.replay import replay
from batch.spark.columns import VALUE
from polyglot.cli import run
from runtime.console import Exit
from runtime.readers.log import decode
from schemas import catalog

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

KEYS = "Kafka keys are what the topics are keyed by"
FLAGS, LETTERS, TRADES = "quality.normalization.v1", "deadletter.normalization.v1", "normalized.trade.v1"


def frames() -> Iterator[lake.Frame]:
    """Two trades a second for six seconds, four quotes of which the last is crossed, three that are no trades."""
    for n in range(100, 112):
        at = NOON + (n - 100) * SECOND // 2
        yield lake.Frame(
            at + 7_000,
            f'{{"e":"trade","E":{at // 1000},"s":"AUSDT","t":{n},"p":"{n}.5","q":"0.25","T":{at // 1000},'
            f'"m":{"true" if n % 2 else "false"},"M":true}}'.encode(),
        )
    for n in range(200, 204):
        ms = (NOON + (n - 200) * SECOND) // 1000
        yield lake.Frame(
            1000 * ms + 9_000,
            f'{{"e":"bookTicker","u":{n},"s":"AUSDT","b":"{n}","B":"1","a":"202","A":"3","T":{ms},"E":{ms}}}'.encode(),
        )
    for n in range(300, 303):
        yield lake.Frame(
            NOON + 6 * SECOND + n,
            f'{{"e":"trade","E":1,"s":"AUSDT","t":{n},"p":"?","q":"1","T":{NOON // 1000},"m":true,"M":true}}'.encode(),
        )


@pytest.fixture(scope="module")
def stores(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("stores")
    root = folder / "var" / "lake"
    rows = lake.bronze_rows("sim", frames())
    lake.write_bronze(spark, root, rows)
    done = replay(spark, root.as_uri(), folder / "replayed", Span())
    log = MemoryLog()
    for row in [*rows, *rows[:2]]:  # what a producer sent twice is there twice
        log.add(row["topic"], row["entity_id"], envelope(row))
    for kind, name in batch.verifying.result.TOPICS.items():
        found = records(spark, done.out, kind)
        for record in found.orderBy("entity_seq" if kind in catalog.NORMALIZED else "window_start").collect():
            log.add(name, record.entity_id, bytes(record.value))
    for row in rejected(spark, done.out).collect():
        log.add(LETTERS, decode("dead_letter", row.value)["dead_letter_id"], bytes(row.value))
    for row in low_rate(spark, done.out, FLAGS).collect():
        log.add(FLAGS, ENTITY, bytes(row.value))
    with ThreadPoolExecutor(3) as pool:  # most of a table's time is waited for
        started = pool.submit(Engine, folder / "engine")
        for written in [pool.submit(write_lake, spark, root, done, kind) for kind in batch.verifying.result.TOPICS]:
            written.result()
    with started.result() as engine, pytest.MonkeyPatch.context() as patch:
        for kind in catalog.BARS:
            found = records(spark, done.out, kind).drop(VALUE)
            insert(engine, f"{kind}s", [row.asDict() for row in found.collect()])
        patch.setenv("POLYGLOT_VAR_DIR", str(folder / "var"))
        patch.setenv("POLYGLOT_CLICKHOUSE__PASSWORD", "none")
        patch.setattr(batch.spark.topics, "extents", log.extents)
        patch.setattr(batch.spark.topics, "read", log.read)
        patch.setattr(batch.spark.partitions, "parts", log.parts)
        patch.setattr(batch.spark.clickhouse.Endpoint, "client", lambda _: Client(engine))
        # The replay has tests of its own and takes most of the time: one is enough.
        patch.setattr(batch.verifying.verify, "replay", lambda *_, **__: done)
        patch.setattr(polyglot.cli.verify, "spark", contextmanager(lambda *_: iter([spark])))
        yield Stores(folder, log, engine, done)


UP = "version + 1 AS version"
BRONZE, SILVER, GOLD, BARS, CLICKHOUSE = "bronze_raw", "silver_trade", "gold_bar", "analytics.bar.v1", "clickhouse.bars"
FAULTS = {
    # Topics of facts: the same bytes may repeat.
    "topic: a changed byte": fault(
        topic(TRADES, changed(trade(100), last_byte(2))), (TRADES, "different", trade(100), "aggressor")
    ),
    "topic: a missing record": fault(topic(TRADES, lost(trade(101))), (TRADES, "missing", trade(101))),
    "topic: an extra record": fault(
        topic(TRADES, added(trade(102), lambda one: one._replace(value=one.value.replace(b":102", b":902")))),
        (TRADES, "extra", trade(902)),
    ),
    "topic: a record twice": fault(topic(TRADES, added(trade(103), lambda one: one))),
    "topic: the last record missing": fault(topic(TRADES, lost(trade(111))), (TRADES, "missing", trade(111))),
    "topic: a wrong key": fault(topic("normalized.quote.v1", keyed(":book_ticker:201", b"sim:BUSDT"))),
    "topic: a dead letter's wrong key": fault(topic(LETTERS, keyed(":trade:302", b"sim:AUSDT"))),
    "topic: a lost dead letter": fault(topic(LETTERS, lost(trade(301))), (LETTERS, "missing", trade(301))),
    "topic: a lost flag": fault(
        topic(FLAGS, lambda records: records.clear()),
        (FLAGS, "missing", f"normalized.quote.v1|crossed|{ENTITY}:book_ticker:203"),
    ),
    # Topics of versions: the latest counts.
    "topic: a newer version": fault(
        topic(BARS, bar_changed(0, lambda value: value[:-1] + b"\x06", add=True)),
        (BARS, "different", bar(0), "version"),
    ),
    "topic: an older version": fault(topic(BARS, bar_changed(1, lambda value: value[:-1] + b"\x02", add=True))),
    "topic: a bar too few": fault(
        topic(BARS, bar_lost(2)),
        (BARS, "missing", bar(2)),
    ),
    "topic: a bar too many": fault(
        topic(BARS, bar_changed(3, lambda value: value.replace(b"AUSDT", b"CUSDT"), add=True)),
        (BARS, "extra", bar(3).replace("AUSDT", "CUSDT")),
    ),
    "topic: a bar's wrong key": fault(topic("analytics.quote_bar.v1", keyed(1, b"sim:BUSDT"))),
    # Bronze against the raw topics.
    "bronze: a changed byte": fault(
        table(BRONZE, where("event_id", trade(100), payload=lambda it: it.replace(b"0.25", b"0.26"))),
        (BRONZE, "different", trade(100), "payload_sha256"),
    ),
    "bronze: a missing row": fault(table(BRONZE, without("event_id", trade(101))), (BRONZE, "missing", trade(101))),
    "bronze: an extra row": fault(
        table(BRONZE, again("event_id", trade(102), event_id=trade(902), kafka_offset=900)),
        (BRONZE, "extra", trade(902)),
    ),
    "bronze: a row twice": fault(
        table(BRONZE, again("event_id", trade(103))), (BRONZE, "repeated", trade(103), "(rows)")
    ),
    "bronze: a wrong key": fault(
        table(BRONZE, where("event_id", trade(104), event_id=trade(904))),
        (BRONZE, "missing", trade(104)), (BRONZE, "extra", trade(904)),
    ),
    # Hudi tables of facts and of bars.
    "silver: a changed value": fault(
        table(SILVER, where("event_id", trade(100), aggressor="none")), (SILVER, "different", trade(100), "aggressor")
    ),
    "silver: a missing row": fault(table(SILVER, without("event_id", trade(101))), (SILVER, "missing", trade(101))),
    "silver: an extra row": fault(
        table(SILVER, again("event_id", trade(102), event_id=trade(902))), (SILVER, "extra", trade(902))
    ),
    "silver: a row twice": fault(
        table(SILVER, again("event_id", trade(103))), (SILVER, "repeated", trade(103), "(rows)")
    ),
    "silver: a wrong key": fault(
        table(SILVER, where("event_id", trade(104), event_id=trade(904))),
        (SILVER, "missing", trade(104)), (SILVER, "extra", trade(904)),
    ),
    "gold: a changed value": fault(
        table(GOLD, where("bar_key", bar(0), vwap=lambda it: it + it)), (GOLD, "different", bar(0), "vwap")
    ),
    "gold: another version": fault(
        table(GOLD, where("bar_key", bar(1), version=3)), (GOLD, "different", bar(1), "version")
    ),
    "gold: a missing row": fault(table(GOLD, without("bar_key", bar(2))), (GOLD, "missing", bar(2))),
    "gold: a row twice": fault(table(GOLD, again("bar_key", bar(3))), (GOLD, "repeated", bar(3), "(rows)")),
    "gold: an extra row": fault(
        table(GOLD, again("bar_key", bar(4), entity_id="sim:CUSDT")), (GOLD, "extra", bar(4).replace("AUSDT", "CUSDT"))
    ),
    "gold: a wrong key": fault(
        table(GOLD, where("bar_key", bar(5), bar_key=bar(6))), (GOLD, "different", bar(5), "bar_key")
    ),
    # ClickHouse: readers see one row a key.
    "clickhouse: a changed value": fault(
        clickhouse(0, "close + 1 AS close", drop=True), (CLICKHOUSE, "different", bar(0), "close")
    ),
    "clickhouse: another version": fault(clickhouse(1, UP), (CLICKHOUSE, "different", bar(1), "version")),
    "clickhouse: a missing row": fault(clickhouse(2, drop=True), (CLICKHOUSE, "missing", bar(2))),
    "clickhouse: an extra row": fault(
        clickhouse(3, "'sim:CUSDT' AS entity_id"), (CLICKHOUSE, "extra", bar(3).replace("AUSDT", "CUSDT"))
    ),
    "clickhouse: a row twice and an older one": fault(clickhouse(4, "0 AS close", "version - 1 AS version")),
    "clickhouse: a wrong key": fault(
        clickhouse(5, "'sim:CUSDT' AS entity_id", drop=True),
        (CLICKHOUSE, "missing", bar(5)), (CLICKHOUSE, "extra", bar(5).replace("AUSDT", "CUSDT")),
    ),
}  # fmt: skip


# --- tests, in this order: the stores are equal only once ---


def test_equal_stores_pass(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = stores.command(capsys)
    different = {one["table"]: one["samples"] for one in report["tables"] if one["status"] == "different"}
    assert (different, code, report["passed"], report["differences"]) == ({}, Exit.OK, True, 0)
    counts = {one["table"]: (one["replayed"], one["found"]) for one in report["tables"] if one["status"] == "equal"}
    assert counts == {
        BRONZE: (19, 19), TRADES: (12, 12), "normalized.quote.v1": (4, 4), LETTERS: (3, 3), FLAGS: (1, 1),
        BARS: (10, 10), "analytics.quote_bar.v1": (4, 4), SILVER: (12, 12), "silver_quote": (4, 4),
        GOLD: (10, 10), "gold_quote_bar": (4, 4), CLICKHOUSE: (10, 10), "clickhouse.quote_bars": (4, 4),
    }  # fmt: skip
    assert [check["name"] for check in report["checks"] if not check["holds"]] == []


@pytest.fixture(scope="module")
def spoiled(stores: Stores) -> Stores:
    shutil.copytree(stores.folder / "var" / "lake", stores.folder / "whole")
    for one in FAULTS.values():
        one.spoil(stores)
    return stores


@pytest.fixture(scope="module")
def verdict(spoiled: Stores) -> tuple[int, dict[str, Any]]:
    """The exit code and the report of one run over all faults."""
    path = spoiled.folder / "report.json"
    code = run(["verify", "--limit", "50", "--versions", "current", "--report", str(path)])
    return code, json.loads(path.read_text())


def named(report: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    """Return each difference that a report shows, in the form of a fault's."""
    found = set()
    for one in report["tables"]:
        for sample in one["samples"]:
            fields = sample["fields"].keys() - {"value"} if sample["kind"] in ("different", "repeated") else [""]
            found |= {(one["table"], sample["kind"], sample["key"], field) for field in fields}
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_nothing_that_is_none(verdict: tuple[int, dict[str, Any]], name: str) -> None:
    keys = {key for _, _, key, _ in FAULTS[name].named}
    tables = {where for where, *_ in FAULTS[name].named}
    assert {one for one in named(verdict[1]) if one[0] in tables and one[2] in keys} == FAULTS[name].named


def test_there_is_no_difference_without_a_fault(verdict: tuple[int, dict[str, Any]]) -> None:
    _, report = verdict
    expected = set().union(*(one.named for one in FAULTS.values()))
    assert named(report) == expected
    counted = sum(sum(one["differences"].values()) for one in report["tables"])
    assert counted == len(expected)


def test_checks_that_do_not_hold_are_named(verdict: tuple[int, dict[str, Any]]) -> None:
    broken = {check["name"]: check for check in verdict[1]["checks"] if not check["holds"]}
    assert broken.keys() == {
        "raw distinct event ids = Bronze rows", f"entity_seq is dense in {TRADES}",
        "entity_seq is dense in normalized.quote.v1", KEYS,
    }  # fmt: skip
    wrong = {name: value for name, value in broken[KEYS].items() if name not in ("name", "holds")}
    # A bar too many was made of another one, and has kept its key.
    assert wrong == {"analytics.quote_bar.v1": 1, BARS: 1, LETTERS: 1}
    assert broken["entity_seq is dense in normalized.quote.v1"]["wrong_keys"] == 1
    assert broken[f"entity_seq is dense in {TRADES}"]["wrong_keys"] == 0


def test_the_command_says_how_many_and_exits_with_1(
    verdict: tuple[int, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = verdict
    expected = sum(len(one.named) for one in FAULTS.values())
    assert (code, report["passed"]) == (Exit.FAILED, False) == (1, False)
    assert report["differences"] == expected + 4  # and checks that do not hold


def test_a_broken_file_is_named_and_hides_no_other_store(
    spoiled: Stores, verdict: object, capsys: pytest.CaptureFixture[str]
) -> None:
    root = spoiled.folder / "var" / "lake"
    shutil.rmtree(root)
    shutil.copytree(spoiled.folder / "whole", root)
    broken = [BRONZE, SILVER, GOLD]
    for name in broken:
        (path,) = (root / name).rglob("*.parquet")
        path.write_bytes(path.read_bytes()[:-100])
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
    code, report = spoiled.command(capsys, "--store", "silver", "--store", "gold", "--store", "bronze")
    assert (code, report["passed"], report["differences"]) == (Exit.FAILED, False, len(broken))
    found = {one["table"]: one for one in report["tables"]}
    assert [name for name, one in found.items() if one["status"] == "different"] == broken
    for name in broken:
        assert found[name]["differences"] == {"unreadable": 1}
        assert re.search(rf"cannot be read: .*/{name}/.*\.parquet", " ".join(found[name]["notes"]))
    assert found["silver_quote"]["status"] == found["gold_quote_bar"]["status"] == "equal"
