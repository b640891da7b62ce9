"""Topics, files and a replay's files are read once, and say the same of the same records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from property.frames import MIDNIGHT, SECOND, binance_trade
from property.oracle import Raw, envelope
from support.memory_log import MemoryPart, Record
from support.scanned import LocalReading

from batch.ranges import Days, Span
from batch.replaying.files import arrow_schema, normalized_schema
from batch.spark.columns import VALUE
from batch.verifying.one_pass import UnreadableError
from batch.verifying.scans import ENVELOPE, WIRE, Range, replayed
from batch.verifying.sums import ByDay
from runtime.object_store import local
from schemas import catalog
from udfs.ingest.ingestor import Ingestor
from udfs.kernels.slices import Slices
from udfs.lake.bronze import bronze_columns
from udfs.lake.files import LakeFiles
from udfs.lake.silver import SilverFold
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode

RAW, TRADES, FLAGS = "raw.binance_spot.trade.v1", "normalized.trade.v1", "quality.normalization.v1"
#: From twenty seconds before midnight to twenty seconds behind it.
COUNT = 40


def trade(n: int) -> Raw:
    time, symbol = MIDNIGHT + (n - COUNT // 2) * SECOND, "AB"[n % 2]
    entity = f"binance_spot:{symbol}"
    payload = binance_trade(symbol, n, time, f"{n}.5", "1")
    return Raw(f"{entity}:trade:{n}", entity, "binance_spot", "trade", time, "venue", time, "run", n + 1, payload)


def raw_log() -> list[bytes]:
    """Return the raw topic: every trade, two of them again, and one record that is no envelope."""
    values = [envelope(trade(n)) for n in range(COUNT)]
    return [*values, values[3], b"no envelope", values[7]]


def trades() -> tuple[list[bytes], list[bytes]]:
    """Return Kafka keys and values of the trades."""
    found = Normalizer(RAW).process(decode(raw_log())[0]).trades
    keys = found.keys()
    return [key.encode() if isinstance(key, str) else key for key in keys], found.encode()


def names() -> Iterator[str]:
    while True:
        yield uuid4().hex


def written(folder: Path, batches: list[tuple[str, Any]], key: str) -> list[str]:
    """Write columns as the stream writes a table's files."""
    unique = names()
    files = LakeFiles(key, lambda: next(unique))
    done = [file for date, batch in batches for file in files.add(date, batch)] + files.flush()
    found = []
    for file in done:
        path = folder / file.partition / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        found.append(path.as_uri())
    return found


class Stores:
    """The stores of one log, and what a reading of all of them found."""

    def __init__(self, folder: Path, asked: Range) -> None:
        keys, values = trades()
        bronze = Ingestor(RAW).process(raw_log(), list(range(COUNT + 3)), 0).bronze
        silver = SilverFold("trade").process(TRADES, Slices.of(values))
        (folder / "trade").mkdir()
        schema = arrow_schema(normalized_schema("trade")).remove_metadata()
        columns = {name: [None] * len(values) for name in schema.names} | {VALUE: values}
        nullable = pa.schema([field.with_nullable(nullable=True) for field in schema])
        pq.write_table(pa.Table.from_pydict(columns, nullable), folder / "trade" / "0.parquet")
        none: Any = None
        self.reading = LocalReading(none, folder / "reading", asked)
        self.reading.topic([MemoryPart(RAW, tuple(Record(None, value) for value in raw_log()))])
        copies = [Record(*one) for one in zip(keys, values, strict=True)]
        self.reading.topic([MemoryPart(TRADES, (*copies, *copies[5:9]))])
        self.reading.replayed([folder / "trade" / "0.parquet"], "trade", [WIRE, "silver"])
        every = Days(None, None)
        bronze_files = written(folder / "bronze", list(bronze_columns(bronze)), "event_id")
        self.silver_files = written(folder / "silver", silver, "event_id")
        self.reading.files(catalog.BRONZE, bronze_files, "bronze", ENVELOPE, every)
        self.reading.files("silver_trade", self.silver_files, "silver", "trade", self.days(asked))
        self.folder = folder / "reading"

    @staticmethod
    def days(asked: Range) -> Days:
        return Days(None, None) if asked.span.start is None else asked.span.event_days()


def rows(sums: ByDay) -> dict[str, int]:
    return {day: one.rows for day, one in sums.items()}


SPANS = {
    "everything": Range(Span()),
    "an entity": Range(Span(), "binance_spot:A"),
    "a day": Range(Span(MIDNIGHT, None)),
    "some seconds": Range(Span(MIDNIGHT - 3 * SECOND, MIDNIGHT + 2 * SECOND)),
}
COUNTS = {"everything": 40, "an entity": 20, "a day": 20, "some seconds": 5}


@pytest.mark.parametrize("name", SPANS)
def test_every_store_says_the_same(tmp_path: Path, name: str) -> None:
    reading = Stores(tmp_path, SPANS[name]).reading
    reading.run()
    raw, topic = reading.settled(RAW), reading.settled(TRADES)
    assert (raw.records, raw.unreadable, raw.kept, raw.groups) == (COUNT + 3, 1, COUNT, COUNT)
    assert (topic.records, topic.kept, topic.ids, topic.groups) == (COUNT + 4, COUNT, COUNT, COUNT)
    assert (topic.series, topic.ill, topic.wrong_keys) == (4, 0, 0)
    assert reading.sums(catalog.BRONZE, "bronze") == raw.sums
    assert topic.sums == reading.sums(replayed("trade"))
    assert reading.sums("silver_trade", "silver") == reading.sums(replayed("trade"), "silver")
    found = (raw.sums, topic.sums, reading.sums("silver_trade", "silver"))
    assert {sum(rows(sums).values()) for sums in found} == {COUNTS[name]}
    assert len({tuple(sorted(rows(sums).items())) for sums in found}) == 1


def test_nothing_is_left_of_a_reading(tmp_path: Path) -> None:
    stores = Stores(tmp_path, Range(Span()))
    stores.reading.run()
    assert not stores.folder.exists()


def test_a_broken_file_hides_no_other_store(tmp_path: Path) -> None:
    stores = Stores(tmp_path, Range(Span()))
    broken = local(stores.silver_files[0])
    broken.write_bytes(broken.read_bytes()[:-9])
    stores.reading.run()
    with pytest.raises(UnreadableError, match="silver"):
        stores.reading.sums("silver_trade", "silver")
    assert stores.reading.sums(catalog.BRONZE, "bronze") == stores.reading.settled(RAW).sums


def test_wrong_keys_are_counted(tmp_path: Path) -> None:
    keys, values = trades()
    none: Any = None
    reading = LocalReading(none, tmp_path / "reading", Range(Span()))
    wrong = [(None, values[0]), (keys[1] + b"x", values[1]), (keys[2], values[2]), (b"", b"no trade"), (None, None)]
    reading.topic([MemoryPart(TRADES, tuple(Record(*one) for one in wrong))])
    reading.run()
    found = reading.settled(TRADES)
    assert (found.records, found.unreadable, found.wrong_keys) == (5, 2, 3)
    assert rows(found.sums)["(not readable)"] == 2
