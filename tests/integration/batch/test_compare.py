"""A comparison must see every kind of difference: each test takes equal stores and spoils one of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn
from support import lake, scanned
from support.reducers.spark import reduced

from batch.ranges import Span
from batch.replaying.files import records, rejected
from batch.replaying.replay import BAR_OF, Replayed, replay
from batch.spark import views
from batch.spark.bronze import BronzeError
from batch.spark.topics import contents
from batch.verifying.compare import DIFFERENT, EXTRA, MISSING, REPEATED, Comparison, Side, compare
from batch.verifying.one_pass import Reading
from batch.verifying.scans import WIRE, Range
from schemas import catalog
from schemas.versions import Held, Schedule

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

VENUE = "sim"
START = 1_723_161_590_000_000  # ten seconds before midnight: two ingest dates, two event dates
EVERYTHING = Span()


def frames() -> list[lake.Frame]:
    """Trades and quotes of two symbols across midnight, one bad frame."""
    found = []
    for n in range(400):
        ingest = START + n * 50_000
        ms = (ingest - (n * 7919) % 30_000) // 1000
        symbol = ("AAAUSDT", "BBBUSDT")[n % 2]
        price, size = f"{100 + n % 7}.{n % 100:02d}", f"0.{n + 1:04d}"
        trade = (
            f'{{"e":"trade","E":{ms},"s":"{symbol}","t":{n},"p":"{price}","q":"{size}","T":{ms},'
            f'"m":{"true" if n % 3 else "false"},"M":true}}'
        )
        quote = (
            f'{{"e":"bookTicker","u":{n},"s":"{symbol}","b":"{price}","B":"{size}","a":"{200 + n % 5}","A":"1.5",'
            f'"T":{ms},"E":{ms}}}'
        )
        found += [lake.Frame(ingest, trade.encode()), lake.Frame(ingest + 1, quote.encode())]
    found.append(lake.Frame(START + 100, b"{not json"))
    return found


@pytest.fixture(scope="module")
def replayed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Replayed]:
    root = tmp_path_factory.mktemp("lake")
    lake.write_bronze(spark, root, lake.bronze_rows(VENUE, frames()))
    return root, replay(spark, root.as_uri(), root / "replay", EVERYTHING)


@pytest.fixture(scope="module")
def values(spark: SparkSession, replayed: tuple[Path, Replayed]) -> Callable[[str], DataFrame]:
    """Return the wire bytes of a kind as a topic would hold them."""
    out = replayed[1].out
    found = {kind: records(spark, out, kind).select("value").cache() for kind in (*catalog.NORMALIZED, *catalog.BARS)}
    return found.__getitem__


def test_the_replay_accounts_for_every_row(replayed: tuple[Path, Replayed]) -> None:
    _, done = replayed
    assert done.records["trade"] == 400
    assert done.records["quote"] == 400
    assert done.balance["trade"] == {
        "envelopes": 401, "frames": 400, "duplicates": 0, "dead_letters": 1, "not_normalized": 0
    }  # fmt: skip
    assert done.events == 801


def test_bars_are_what_sql_reduces_the_records_to(spark: SparkSession, replayed: tuple[Path, Replayed]) -> None:
    """An oracle with other words, another engine's sums and a finishing of its own."""
    out = replayed[1].out
    for kind, bar in BAR_OF.items():
        found = sorted(bytes(row.value) for row in records(spark, out, bar).collect())
        assert found == sorted(reduced(spark, bar, records(spark, out, kind)))
        assert len(found) >= 40


def test_rejected_frames_keep_their_bytes(spark: SparkSession, replayed: tuple[Path, Replayed]) -> None:
    (letter,) = rejected(spark, replayed[1].out).collect()
    assert bytes(letter.value)[:5] == bytes([0, 0, 0, 0, 6])
    assert b"{not json" in bytes(letter.value)


def topic(rows: DataFrame, kind: str) -> Comparison:
    """Compare a topic's records, as they would be read, with the same replay's records."""
    converge = views.latest if kind in catalog.BARS else views.first_copies
    log = [(None, row.value and bytes(row.value)) for row in rows.collect()]
    sums = scanned.topic(catalog.topic(kind), log).sums
    actual = Side(sums, lambda: converge(views.of_values(rows, kind, EVERYTHING, None)))
    return compare(kind, replay_of(kind, EVERYTHING, None), actual)


def replay_of(kind: str, span: Span, entity: str | None) -> Side:
    return wire(rows_of(kind), kind, span, entity)


def wire(rows: DataFrame, kind: str, span: Span, entity: str | None) -> Side:
    """Return what a replay's records are compared by."""
    values = [bytes(row.value) for row in rows.collect()]
    sums = scanned.values(kind, values, WIRE, Range(span, entity))
    return Side(sums, lambda: views.of_values(rows, kind, span, entity))


rows_of: Callable[[str], DataFrame]


@pytest.fixture(autouse=True)
def _rows(values: Callable[[str], DataFrame]) -> None:
    global rows_of  # noqa: PLW0603 - the fixture hands its rows to the helper above
    rows_of = values


def spoil_last_byte(rows: DataFrame) -> DataFrame:
    """Flip the lowest bit of one record's last byte (of a bar: of its version; else of a decimal)."""

    def flip(value: Any) -> bytes:
        raw = bytes(value)
        return raw[:-1] + bytes([raw[-1] ^ 1])

    return rows.select(fn.udf(flip, "binary")("value").alias("value"))


def cut(rows: DataFrame) -> DataFrame:
    """Truncate records so that they are no longer of their contract."""
    return rows.select(fn.expr("substring(value, 1, 9)").alias("value"))


@pytest.mark.parametrize("kind", [*catalog.NORMALIZED, *catalog.BARS])
def test_order_and_repeated_bytes_do_not_matter(kind: str) -> None:
    again = rows_of(kind).unionAll(rows_of(kind).limit(50))
    found = topic(again.orderBy(fn.hash("value")).repartition(7), kind)
    assert found.status == "equal"
    assert found.replayed == found.found == rows_of(kind).count()
    assert len(found.days) == 2


@pytest.mark.parametrize("kind", [*catalog.NORMALIZED, *catalog.BARS])
def test_a_lost_a_cut_and_an_altered_record_are_seen(kind: str) -> None:
    """One record is lost, one is cut short, one bit of a third is flipped."""
    rows = rows_of(kind).orderBy("value")
    found = topic(
        rows.offset(3).unionAll(cut(rows.limit(2).offset(1))).unionAll(spoil_last_byte(rows.limit(3).offset(2))), kind
    )
    assert found.status == "different"
    assert found.counts == {MISSING: 2, EXTRA: 1, DIFFERENT: 1}
    (altered,) = (sample for sample in found.samples if sample.kind == DIFFERENT)
    assert "value" in altered.fields
    assert all(store is None for s in found.samples if s.kind == MISSING for _, store in s.fields.values())


def test_a_null_value_is_extra() -> None:
    tombstone = rows_of("bar").limit(1).select(fn.lit(None).cast("binary").alias("value"))
    assert topic(rows_of("bar").unionAll(tombstone), "bar").counts == {EXTRA: 1}


def test_an_event_with_two_contents_differs() -> None:
    found = topic(rows_of("trade").unionAll(spoil_last_byte(rows_of("trade").limit(1))), "trade")
    assert found.counts == {DIFFERENT: 1}


def test_an_older_version_does_not_count_but_a_newer_one_does(
    spark: SparkSession, replayed: tuple[Path, Replayed]
) -> None:
    def with_version(shift: int) -> DataFrame:
        """Re-encode one bar with another version (the last field of the contract)."""
        bar = records(spark, replayed[1].out, "bar").where("version = 10 AND `interval` = '1s'").limit(1)
        assert bar.count() == 1

        def change(value: Any) -> bytes:
            raw = bytes(value)
            assert raw[-1] == 20  # zigzag of 10
            return raw[:-1] + bytes([20 + 2 * shift])

        return bar.select(fn.udf(change, "binary")("value").alias("value"))

    assert topic(rows_of("bar").unionAll(with_version(-1)), "bar").status == "equal"
    newer = topic(rows_of("bar").unionAll(with_version(1)), "bar")
    assert newer.counts == {DIFFERENT: 1}
    assert newer.samples[0].fields["version"] == ("10", "11")


def stored(spark: SparkSession, out: Path, kind: str) -> tuple[str, DataFrame]:
    """Return a table of a kind as its sink writes it."""
    rows = contents(records(spark, out, kind), kind)
    if kind in catalog.NORMALIZED:
        return "silver", rows.withColumn("ingest_date", views.iso_date("ingest_date"))
    keyed = rows.withColumn("bar_key", views.key_of(kind)).withColumn("event_date", views.iso_day("window_start"))
    return "gold", keyed


def table(spark: SparkSession, out: Path, kind: str, spoil: Callable[[DataFrame], DataFrame]) -> Comparison:
    store, rows = stored(spark, out, kind)
    return in_table(spark, store, kind, spoil(rows))


def in_table(spark: SparkSession, store: str, kind: str, rows: DataFrame, limit: int = 20) -> Comparison:
    """Compare a table's rows with those that the replay's records make."""
    values = [bytes(row.value) for row in rows_of(kind).collect()]
    expected = Side(
        scanned.values(kind, values, store),
        lambda: views.expected_table(rows_of(kind), store, kind, EVERYTHING, None),
    )
    typed = views.typed(rows, store, kind, EVERYTHING, None)
    sums = Reading(spark, Path("unused"), Range(EVERYTHING)).sums_of(typed, store, kind)[store]
    actual = Side(sums, lambda: views.of_table(rows, store, kind, EVERYTHING, None))
    return compare(kind, expected, actual, limit=limit)


@pytest.mark.parametrize("kind", [*catalog.NORMALIZED, *catalog.BARS])
def test_every_column_of_a_table_counts(spark: SparkSession, replayed: tuple[Path, Replayed], kind: str) -> None:
    """Change each column of one row by one step: the field must be named."""
    out = replayed[1].out
    assert table(spark, out, kind, lambda rows: rows.repartition(3)).status == "equal"
    store, rows = stored(spark, out, kind)
    day = "ingest_date" if store == "silver" else "event_date"
    spoiled = []
    names = [name for name in views.table_names(store, kind) if name not in (*catalog.key(kind), day)]
    keys = [
        tuple(row) for row in rows.select(*catalog.key(kind)).orderBy(*catalog.key(kind)).limit(len(names)).collect()
    ]
    kinds = dict(rows.dtypes)
    for name, key in zip(names, keys, strict=True):
        where = " AND ".join(f"`{k}` = '{v}'" for k, v in zip(catalog.key(kind), key, strict=True))
        column = fn.col(f"`{name}`")
        step = fn.lit("x") if kinds[name] == "string" else fn.lit(1)
        changed = fn.concat(column, step) if kinds[name] == "string" else _last_digit(column, kinds[name])
        rows = rows.withColumn(name, fn.when(fn.expr(where), changed).otherwise(column))
        spoiled.append(name)
    found = in_table(spark, store, kind, rows, limit=100)
    assert found.counts == {DIFFERENT: len(spoiled)}
    assert sorted(name for sample in found.samples for name in sample.fields) == sorted(spoiled)


def _last_digit(column: Any, kind: str) -> Any:
    """Add one unit in the last place; in few digits, or the sum of two wide decimals would lose its last place."""
    if not kind.startswith("decimal"):
        return fn.coalesce(column, fn.lit(0)).cast(kind) + fn.lit(1).cast(kind)  # bars of version 1 lack a time
    narrow = f"decimal(24,{kind.rstrip(')').split(',')[1]})"
    return (column.cast(narrow) + fn.expr(f"CAST('1E-{narrow.rstrip(')').split(',')[1]}' AS {narrow})")).cast(kind)


def test_a_row_that_a_table_holds_twice_is_repeated(spark: SparkSession, replayed: tuple[Path, Replayed]) -> None:
    found = table(spark, replayed[1].out, "trade", lambda rows: rows.unionAll(rows.limit(1)))
    assert found.counts == {REPEATED: 1}
    assert found.samples[0].fields == {"(rows)": ("1", "2")}


def test_a_column_that_a_table_lacks_differs_everywhere(spark: SparkSession, replayed: tuple[Path, Replayed]) -> None:
    found = table(spark, replayed[1].out, "quote_bar", lambda rows: rows.drop("imbalance"))
    assert found.counts == {DIFFERENT: rows_of("quote_bar").count()}


def test_nothing_against_nothing_is_empty_not_equal() -> None:
    none = wire(rows_of("trade").where("false"), "trade", EVERYTHING, None)
    assert compare("trade", none, none).status == "empty"


def test_two_views_are_summed_by_spark() -> None:
    whole, part = (views.of_values(rows, "bar", EVERYTHING, None) for rows in (rows_of("bar"), rows_of("bar").limit(9)))
    assert compare("bar", whole, whole).status == "equal"
    found = compare("bar", whole, part)
    assert found.counts == {MISSING: rows_of("bar").count() - 9}
    assert (found.replayed, found.found) == (rows_of("bar").count(), 9)
    assert compare("bar", views.nothing(whole), views.nothing(whole)).status == "empty"


def test_a_store_known_to_be_empty_lacks_everything() -> None:
    everything = replay_of("bar", EVERYTHING, None)
    nothing = Side({}, lambda: views.nothing(everything.rows()))
    count = rows_of("bar").count()
    assert compare("bar", everything, nothing).counts == {MISSING: count}
    assert compare("bar", nothing, everything).counts == {EXTRA: count}


def test_a_bronze_without_a_commit_is_named(
    spark: SparkSession, replayed: tuple[Path, Replayed], tmp_path: Path
) -> None:
    """Flink makes the table when its job starts, and commits at its first checkpoint."""
    copied = shutil.copytree(replayed[0] / "bronze_raw", tmp_path / "bronze_raw")
    for instant in (copied / ".hoodie" / "timeline").iterdir():
        if instant.is_file():
            instant.unlink()
    with pytest.raises(BronzeError, match="nothing was committed"):
        replay(spark, tmp_path.as_uri(), tmp_path / "out", EVERYTHING)


@pytest.mark.parametrize(
    "span",
    [
        Span.parse("2024-08-09", None),
        Span.parse(None, "2024-08-09"),
        Span.parse("2024-08-08T23:59:55Z", "2024-08-09T00:00:05Z"),
    ],
)
def test_a_bounded_replay_is_the_same_part_of_the_whole(
    spark: SparkSession, replayed: tuple[Path, Replayed], tmp_path: Path, span: Span
) -> None:
    """Sequence numbers and bars of a part are those of the whole; windows that are cut are left out."""
    root, _ = replayed
    part = replay(spark, root.as_uri(), tmp_path / "part", span)
    for kind in (*catalog.NORMALIZED, *catalog.BARS):
        rows = records(spark, part.out, kind).select("value")
        found = compare(kind, replay_of(kind, span, None), wire(rows, kind, EVERYTHING, None))
        assert found.status == "equal", (kind, found)
        assert 0 < found.found < rows_of(kind).count()


def test_one_entity_alone_is_the_same_part_of_the_whole(
    spark: SparkSession, replayed: tuple[Path, Replayed], tmp_path: Path
) -> None:
    root, _ = replayed
    part = replay(spark, root.as_uri(), tmp_path / "one", EVERYTHING, "sim:AAAUSDT")
    assert part.records["trade"] == part.records["quote"] == 200
    for kind in (*catalog.NORMALIZED, *catalog.BARS):
        rows = records(spark, part.out, kind).select("value")
        part_of = replay_of(kind, EVERYTHING, "sim:AAAUSDT")
        assert compare(kind, part_of, wire(rows, kind, EVERYTHING, None)).status == "equal"


def test_bars_of_two_versions_are_read_as_the_newest(
    spark: SparkSession, replayed: tuple[Path, Replayed], tmp_path: Path
) -> None:
    cut = START + 5_000_000
    schedule = Schedule((Held("bar", 1), Held("bar", 2, cut)))
    done = replay(spark, replayed[0].as_uri(), tmp_path, EVERYTHING, kinds=("trade",), schedule=schedule)
    written = records(spark, tmp_path, "bar")
    names = catalog.columns("bar")
    rows = contents(written, "bar").select(names).collect()
    assert sorted(map(str, rows)) == sorted(map(str, written.select(names).collect()))
    timed = {row.window_start >= cut: row.last_trade_time for row in rows}
    assert set(timed) == {False, True}
    assert all((row.last_trade_time is not None) == (row.window_start >= cut) for row in rows)
    assert len(rows) == done.records["bar"] == replayed[1].records["bar"]
