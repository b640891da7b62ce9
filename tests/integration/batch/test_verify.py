"""`polyglot verify` on real stores: a broker, the ClickHouse gateway and Hudi tables, first equal, then spoiled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession
from support import lake
from support.absent import absent
from support.stack import Stack

from batch.publishing.publish import publish
from batch.ranges import Span
from batch.replaying.files import low_rate, records, rejected
from batch.replaying.replay import Replayed, replay
from batch.spark import views
from batch.spark.columns import VALUE
from batch.spark.topics import contents
from runtime.readers.log import decode
from schemas import catalog
from udfs.wire.envelope import encode_one

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

VENUE = "sim"
FLAGS = "quality.normalization.v1"
START = 1_723_161_597_000_000
TABLES = {
    "bronze_raw", "normalized.trade.v1", "normalized.quote.v1", "analytics.bar.v1", "analytics.quote_bar.v1",
    "deadletter.normalization.v1", FLAGS, "silver_trade", "silver_quote", "gold_bar", "gold_quote_bar",
    "clickhouse.bars", "clickhouse.quote_bars",
}  # fmt: skip
#: Of reference data, gaps and revisions, which this lake has none of.
RARE = {
    "normalized.gaps.v1", "normalized.trade_cancel.v1", "normalized.trade_correct.v1",
    "normalized.corporate_action.v1", "normalized.daily_close.v1", "analytics.adjustment_factor.v1",
    "analytics.adjusted_bar.v1", "silver_adjustment_factor", "gold_adjusted_bar", "clickhouse.adjusted_bars",
}  # fmt: skip


def frames() -> Iterator[lake.Frame]:
    for n in range(60):
        ingest = START + n * 100_000
        ms = ingest // 1000 - n % 3
        yield lake.Frame(
            ingest,
            f'{{"e":"trade","E":{ms},"s":"AUSDT","t":{n},"p":"0.00000{n + 1}","q":"{10**n % 99_999_999 + 1}.5",'
            f'"T":{ms},"m":{"true" if n % 3 else "false"},"M":true}}'.encode(),
        )
        yield lake.Frame(
            ingest + 1,
            f'{{"e":"bookTicker","u":{n},"s":"AUSDT","b":"1.{n}","B":"{n}","a":"2","A":"0.3","T":{ms},"E":{ms}}}'.encode(),
        )
    yield lake.Frame(START, b'{"e":"trade","E":1,"s":"AUSDT","t":999,"p":"1","q":"1","T":1,"m":true,"M":true}')


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    one = Stack(tmp_path_factory.mktemp("stack"))
    try:
        done = one.run("up", "--no-build", "--only", "kafka", "--only", "clickhouse")
        if done.returncode == 4:
            absent(done.stderr)
        assert done.returncode == 0, done.stderr
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def written(stack: Stack, spark: SparkSession) -> tuple[Replayed, Producer]:
    """Write every store as its sink would, from a replay; the raw topics with some records twice."""
    rows = lake.bronze_rows(VENUE, frames())
    root = stack.settings.var_dir.resolve() / "lake"
    lake.write_bronze(spark, root, rows)
    producer = Producer({**stack.settings.kafka.librdkafka(), "linger.ms": 5})
    for row in rows:
        value = encode_one(*(row[name] for name in catalog.columns("raw_envelope")))
        producer.produce(row["topic"], value, row["entity_id"], partition=row["kafka_partition"])
    for row in rows[:7]:
        value = encode_one(*(row[name] for name in catalog.columns("raw_envelope")))
        producer.produce(row["topic"], value, row["entity_id"], partition=row["kafka_partition"])
    done = replay(spark, root.as_uri(), root.parent / "written", Span())
    assert publish(spark, done.out, stack.settings.kafka.librdkafka())["trade"] == 60
    for letter in rejected(spark, done.out).collect():
        name = decode("dead_letter", letter.value)["dead_letter_id"]
        producer.produce("deadletter.normalization.v1", bytes(letter.value), name)
    for flag in low_rate(spark, done.out, FLAGS).collect():
        producer.produce(FLAGS, bytes(flag.value), b"sim:AUSDT")
    assert producer.flush(30) == 0
    for kind in (*catalog.NORMALIZED, *catalog.BARS):
        write_lake(spark, root, done, kind)
    insert(stack, "bars", [row.asDict() for row in records(spark, done.out, "bar").collect()])
    insert(stack, "quote_bars", [row.asDict() for row in records(spark, done.out, "quote_bar").collect()])
    return done, producer


def write_lake(spark: SparkSession, root: Path, done: Replayed, kind: str) -> None:
    rows = contents(records(spark, done.out, kind), kind)
    if kind in catalog.NORMALIZED:
        name, key, day = f"silver_{kind}", "event_id", "ingest_date"
        rows = rows.withColumn(day, views.iso_date(day))
    else:
        name, key, day = f"gold_{kind}", "bar_key", "event_date"
        rows = rows.withColumn(key, views.key_of(kind)).withColumn(day, views.iso_day("window_start"))
    lake.write_hudi(spark, pa.Table.from_pandas(rows.toPandas(), preserve_index=False), root / name, name, key, day)


def insert(stack: Stack, table: str, rows: list[dict[str, Any]]) -> None:
    at = stack.settings.clickhouse
    client = clickhouse_connect.get_client(
        host=at.host, port=at.port, username=at.username, password=at.find_password(), database=at.database
    )
    names = [name for name in rows[0] if name != VALUE]
    values = ", ".join("(" + ", ".join(literal(name, row[name]) for name in names) + ")" for row in rows)
    client.command(f"INSERT INTO {table} ({', '.join(names)}) VALUES {values}")
    client.close()


def literal(name: str, value: Any) -> str:
    if name in ("window_start", "window_end"):
        return f"fromUnixTimestamp64Micro({value}, 'UTC')"
    return f"'{value}'" if name not in ("trade_count", "quote_count", "version") else str(value)


@pytest.mark.usefixtures("written")
def test_equal_stores_pass_and_nothing_is_vacuous(stack: Stack) -> None:
    report = stack.json("verify", "--fail-on-empty")
    assert report["passed"] is True
    assert report["differences"] == 0
    assert {table["table"] for table in report["tables"] if table["status"] == "empty"} == RARE
    full = [table for table in report["tables"] if table["table"] not in RARE]
    assert {table["table"] for table in full} == TABLES
    assert all(table["status"] == "equal" and table["found"] > 0 for table in full)
    assert report["skipped"] == {}
    assert all(check["holds"] for check in report["checks"])
    raw = next(check for check in report["checks"] if "Bronze" in check["name"])
    assert (raw["raw_distinct_event_ids"], raw["raw_duplicates"], raw["bronze_rows"]) == (121, 7, 121)
    assert (stack.settings.var_dir / "report" / "verify.json").exists()


def test_every_spoiled_store_is_reported(stack: Stack, spark: SparkSession, written: tuple[Replayed, Producer]) -> None:
    done, producer = written
    bar = records(spark, done.out, "bar").where("`interval` = '1s'").orderBy("window_start").first()
    assert bar is not None
    value = bytes(bar.value)
    producer.produce("analytics.bar.v1", value[:-1] + bytes([value[-1] + 2]), bar.entity_id)  # version + 1
    trade = records(spark, done.out, "trade").orderBy("entity_seq").first()
    assert trade is not None
    value = bytes(trade.value)
    producer.produce("normalized.trade.v1", value[:-1] + bytes([value[-1] ^ 2]), trade.entity_id)  # the aggressor
    envelope = lake.bronze_rows(VENUE, [lake.Frame(START, b'{"no": "entity"}')])[0]
    raw = encode_one(*(envelope[name] for name in catalog.columns("raw_envelope")))
    producer.produce(envelope["topic"], raw, VENUE, partition=envelope["kafka_partition"])  # not in Bronze
    assert producer.flush(30) == 0
    insert(stack, "bars", [{**bar.asDict(), "version": bar.version + 1, "vwap": bar.vwap + 1}])
    stale = records(spark, done.out, "quote_bar").orderBy("window_start").first()
    assert stale is not None
    insert(stack, "quote_bars", [{**stale.asDict(), "version": stale.version - 1, "spread": 0}])  # an older version
    root = stack.settings.var_dir.resolve() / "lake"
    silver = spark.read.format("hudi").load(f"{root.as_uri()}/silver_quote").where("entity_seq <> 5")
    kept = silver.select(*views.table_names("silver", "quote")).toPandas()
    table = pa.Table.from_pandas(kept, preserve_index=False)
    lake.write_hudi(spark, table, root / "silver_quote", "silver_quote", "event_id", "ingest_date")

    report = stack.json("verify", expect=1)
    different = {table["table"]: table["differences"] for table in report["tables"] if table["status"] == "different"}
    assert different == {
        "analytics.bar.v1": {"different": 1},
        "normalized.trade.v1": {"different": 1},
        "clickhouse.bars": {"different": 1},
        "silver_quote": {"missing": 2},  # number 5 of either day
        "bronze_raw": {"missing": 1},
    }
    samples = {table["table"]: table["samples"] for table in report["tables"]}
    vwap = samples["clickhouse.bars"][0]["fields"]["vwap"]
    assert float(vwap["found"]) == pytest.approx(float(vwap["replay"]) + 1)
    broken = {check["name"] for check in report["checks"] if not check["holds"]}
    assert broken == {"raw distinct event ids = Bronze rows", "entity_seq is dense in normalized.trade.v1"}


@pytest.mark.usefixtures("written")
def test_an_unknown_range_cannot_pass(stack: Stack) -> None:
    report = stack.json("verify", "--from", "2019-01-01", "--to", "2019-01-02", "--store", "normalized", expect=1)
    assert report["records"] == 0
    assert report["passed"] is False


def test_a_bad_range_is_a_usage_error(stack: Stack) -> None:
    assert stack.run("verify", "--from", "soon").returncode == 2
    assert stack.run("verify", "--store", "nowhere").returncode == 2
