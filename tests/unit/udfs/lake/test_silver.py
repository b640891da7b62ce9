"""Silver's columns are the normalized records, each once, however often the topic has them."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest
from support.normalized import normalize, read

from schemas.contracts import contract
from udfs.kernels.slices import Slices
from udfs.lake.silver import STATE_VERSION, SilverFold, layout
from udfs.values.times import date_text
from udfs.wire.avro import write_decimal, write_long, write_text

TOPICS = {kind: f"normalized.{kind}.v1" for kind in ("trade", "quote")}
NOW = 1_723_161_600_123_000
DAY = 19_944

TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161600124,"T":1723161600123,"s":"BTCUSDT",'
    b'"t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":true}}'
)
QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":7,"s":"BTCUSDT","b":"0.5","B":"3","a":"61800.3",'
    b'"A":"0","T":1723161600123,"E":1723161600123}}'
)


def rows(batches: list[tuple[str, pa.RecordBatch]]) -> list[dict]:
    for date, batch in batches:
        batch.validate(full=True)
        assert set(batch["ingest_date"].to_pylist()) == {date}
    return [row for _, batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize(("kind", "frame"), [("trade", TRADE), ("quote", QUOTE)])
def test_a_row_is_the_record_as_an_independent_reader_has_it(kind: str, frame: bytes) -> None:
    _, out = normalize("binance_usdm", (NOW, frame))
    values = (out.trades if kind == "trade" else out.quotes).encode()
    (row,) = rows(SilverFold(kind).process(TOPICS[kind], Slices.of(values)))
    wanted = read(kind, values[0])
    assert row == {**wanted, "ingest_date": date_text(wanted["ingest_date"])}
    assert list(row) == list(wanted)


def quote(entity: str, date: int, number: int, price: int = 1) -> bytes:
    """Return a quote's Kafka value; what it says besides is its place."""
    texts = [write_text(f"{entity}:{date}:{number}"), write_text(entity), write_text("sim"), write_text("A")]
    times = [write_long(NOW), write_text("venue"), write_long(NOW), write_long(date), write_long(number)]
    prices = [write_decimal(price * 10**12, 28) for _ in range(4)]
    tail = [write_text("run"), write_long(number), write_text("7"), *prices]
    return b"".join([contract("quote").header, *texts, *times, *tail])


@pytest.mark.parametrize("price", [0, 1, -1, 255, -256, 10**15, -(10**15)])
def test_decimals_of_all_lengths_are_exact(price: int) -> None:
    (row,) = rows(SilverFold("quote").process(TOPICS["quote"], Slices.of([quote("A", DAY, 1, price)])))
    assert row["bid_price"] == row["ask_size"] == Decimal(price)


@pytest.mark.parametrize("seed", range(8))
def test_what_was_delivered_before_is_dropped_wherever_the_log_is_cut_or_the_state_restored(seed: int) -> None:
    chance = Random(seed)
    log, sent = [], {}
    for _ in range(600):
        scope = (chance.choice("ABC"), DAY + chance.randrange(2))
        number = sent[scope] = sent.get(scope, 0) + 1
        log.append((*scope, number))
        if chance.random() < 0.05:  # a producer restarts and sends its last records again
            log += log[-chance.randrange(1, 30) :]
    fold, kept, found, at = SilverFold("quote"), [], [], 0
    while at < len(log):
        part = log[at : at + chance.randrange(1, 40)]
        at += len(part)
        found += rows(fold.process(TOPICS["quote"], Slices.of([quote(*each) for each in part])))
        what = chance.randrange(4)
        if what == 0:
            kept.append(fold.delta())
        elif what == 1:
            kept = [fold.snapshot()]
        elif what == 2:
            kept.append(fold.delta())
            fold = SilverFold.restore("quote", kept)
        else:
            place = 0
            while place >= 0:
                piece, place = fold.slice(place, 2)
                kept.append(piece)
    ids = [row["event_id"] for row in found]
    assert len(ids) == len(set(ids))
    assert set(ids) == {f"{entity}:{date}:{number}" for entity, date, number in log}
    per_scope = [(row["entity_id"], row["ingest_date"], row["entity_seq"]) for row in found]
    assert sorted(per_scope) == [
        (entity, date_text(date), number)
        for (entity, date), last in sorted(sent.items())
        for number in range(1, last + 1)
    ]


def test_an_old_date_does_not_come_back_in_the_place_of_a_newer_one() -> None:
    fold = SilverFold("quote")
    dates = fold._dates
    log = [quote("A", DAY, 1), quote("A", DAY + dates, 1), quote("A", DAY, 1)]
    found = rows(fold.process(TOPICS["quote"], Slices.of(log)))
    assert [row["event_id"] for row in found] == [f"A:{DAY}:1", f"A:{DAY + dates}:1"]
    assert fold.duplicates == 1


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0\1", quote("A", DAY, 1)[:-1], quote("A", DAY, 1) + b"\0"])
def test_what_is_no_record_is_not_passed_over(value: bytes) -> None:
    with pytest.raises(ValueError, match="no quote"):
        SilverFold("quote").process(TOPICS["quote"], Slices.of([quote("A", DAY, 1), value]))


def test_states_of_another_version_are_refused() -> None:
    fold = SilverFold("trade")
    part = bytearray(fold.snapshot())
    assert part[1] == fold.state_version == STATE_VERSION
    part[1] += 1
    with pytest.raises(ValueError, match="state of version"):
        SilverFold.restore("trade", [bytes(part)])


@pytest.mark.parametrize("kind", ["trade", "quote"])
def test_the_table_has_the_contracts_columns(kind: str) -> None:
    names = [field["name"] for field in contract(kind).schema["fields"]]
    assert layout(kind).schema.names == names
