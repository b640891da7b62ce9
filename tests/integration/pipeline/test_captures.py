"""Captured frames through every system: accounted for, equal to an independent oracle, equal to their replay."""

import gzip
import json
import re
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pytest
from hudi import HudiTableBuilder
from property.frames import coinbase_match, coinbase_ticker, kraken_spread, kraken_trade
from support import drivers
from support.captures import capture
from support.pipeline import assert_equals_oracle, assert_quotes_equal_oracle, await_watermark, tables
from support.registry import FakeRegistry, served
from support.topics import records

from devstack.demo.reconciliation import reconcile
from runtime.offsets import OffsetReader
from runtime.readers.conflicts import first_copy
from runtime.readers.log import decode
from schemas.contracts import all_contracts, contract
from schemas.domains import domains

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]


#: When the capture begins, µs UTC.
BEGIN = 1_723_161_255_000_000
#: Of Coinbase and Kraken each: frames, and Kraken's hold one to three prints.
MATCHES, PRINTS = 60, 120
#: What the capture and the other venues' frames hold.
FRAMES, TRADES, QUOTES = 93_954 + 2 * 120, 21_313 + MATCHES + PRINTS, 66_089 + 2 * 60


def _of_other_venues(folder):
    """Write frames of Coinbase and Kraken from the capture's first seconds; return venue → file."""
    made = {
        "coinbase": (coinbase_match, coinbase_ticker, "BTC-USD"),
        "kraken": (kraken_trade, kraken_spread, "XBT/USD"),
    }
    files = {}
    for venue, (trade, quote, symbol) in made.items():
        lines = []
        for number in range(60):
            at = BEGIN + number * 50_000
            for build, identity in ((trade, 1 + number), (quote, 1_000 + number)):
                frame = build(symbol, identity, at, str(60_000 + number), "0.25")
                lines.append(b"%d %b\n" % ((at + 20_000) * 1_000, frame))
        files[venue] = _written(folder / f"{venue}.gz", lines)
    return files


def test_usdm_capture_beside_other_venues(pipeline, tmp_path):
    path = capture("usdm_btcusdt_20240808.gz")
    for venue, file in _of_other_venues(tmp_path).items():
        assert pipeline.json("feed", venue, "--capture", str(file))["frames"] == 120
    fed = pipeline.json("feed", "binance_usdm", "--capture", str(path), "--speed", "40")
    assert fed["frames"] == 93_954
    # Sent once more, everything is a transport duplicate: nothing new anywhere.
    again = pipeline.json("feed", "binance_usdm", "--capture", str(path), "--no-resume")
    assert again["frames"] == 93_954
    pipeline.json("drain", "--timeout", "600")
    found = pipeline.json("verify", "--fail-on-empty")
    assert found["differences"] == 0
    rows = tables(found)
    assert rows["normalized.trade.v1"] == rows["silver_trade"] == TRADES
    assert rows["normalized.quote.v1"] == rows["silver_quote"] == QUOTES
    assert rows["bronze_raw"] == FRAMES
    books = reconcile(pipeline.settings, found)
    assert all(books["balance"].values()), books
    assert (books["duplicates"], books["dead_letters"]) == (93_954, 0)

    expected = assert_equals_oracle(pipeline, [path], "binance_usdm")
    assert {interval for _, interval, _ in expected} == {"1s", "1m", "5m", "1h", "1d"}
    quotes = assert_quotes_equal_oracle(pipeline, [path], "binance_usdm")
    assert sum(bar["quote_count"] for bar in quotes.values()) == 66_089
    ours = "from {} where entity_id like 'binance_usdm:%'"
    asked = f"select (select count() {ours}), (select count() {ours})".format("bars_latest", "quote_bars_latest")
    assert pipeline.json("query", asked)["rows"] == [[len(expected), len(quotes)]]
    day = "select entity_id, open, high, low, close, volume, trade_count from bars_latest where interval = '1d'"
    days = {row[0]: [*map(Decimal, row[1:6]), row[6]] for row in pipeline.json("query", day)["rows"]}
    first, last = Decimal(60_000), Decimal(60_059)
    assert days["coinbase:BTC-USD"] == [first, last, first, last, Decimal(15), MATCHES]
    assert days["kraken:XBT/USD"] == [first, last, first, last, Decimal(30), PRINTS]


def _as_hudi_rs_reads(pipeline, table):
    rows = pa.Table.from_batches(HudiTableBuilder.from_base_uri(f"{pipeline.settings.lake_uri}/{table}").build().read())
    return rows.drop_columns([name for name in rows.column_names if name.startswith("_hoodie")])


def test_hudi_rs_reads_the_lake_as_clickhouse_has_it(pipeline):
    """Nobody here wrote this reader: of merge-on-read tables it must find the latest version of each bar, once."""
    for table, count in (("bronze_raw", FRAMES), ("silver_trade", TRADES), ("silver_quote", QUOTES)):
        rows = _as_hudi_rs_reads(pipeline, table)
        assert rows.num_rows == len(set(rows["event_id"].to_pylist())) == count
    for table, view in (("gold_bar", "bars_latest"), ("gold_quote_bar", "quote_bars_latest")):
        gold = _as_hudi_rs_reads(pipeline, table).drop_columns(["bar_key", "event_date"])
        columns = ", ".join(
            f"toUnixTimestamp64Micro({name})" if name in {"window_start", "window_end"} else f"toString(`{name}`)"
            for name in gold.column_names
        )
        asked = pipeline.json("query", f"select {columns} from {view}", "--limit", "1000000")["rows"]
        assert sorted(_texts(asked)) == sorted(_texts(zip(*gold.to_pydict().values(), strict=True))), table


def test_confluents_client_reads_the_topics_and_writes_the_same_bytes(pipeline):
    topics = [f"normalized.{kind}.v1" for kind in ("trade", "quote")]
    topics += ["raw.binance_usdm.trade.v1", "raw.kraken.spread.v1", "analytics.bar.v1", "analytics.quote_bar.v1"]
    fake = FakeRegistry()
    fake.ids.update({one.id: one.schema for one in all_contracts()})
    for topic in topics:
        fake.subjects[f"{topic}-value"] = {1: contract(domains().topics[topic].contract).id}
    python = drivers.python("avro", drivers.SOURCES / "avro" / "requirements.lock")
    with served(fake) as registry:
        program = drivers.SOURCES / "avro" / "smoke.py"
        found = drivers.smoke([python, program, pipeline.settings.kafka.bootstrap_servers, registry, *topics], 300)
    assert found.keys() == set(topics)
    assert all(found.values()), found


def _texts(rows):
    """Return rows with every number as the shortest text of its value."""
    return [tuple(_text(value) for value in row) for row in rows]


def _text(value):
    try:
        return format(Decimal(value).normalize(), "f")
    except (InvalidOperation, TypeError, ValueError):
        return str(value)


def _written(path, lines):
    with gzip.open(path, "wb") as out:
        out.writelines(lines)
    return path


def test_histories_behind_each_other_need_no_repair(pipeline, tmp_path):
    """Captures of other venues, of the same days and of three years before, at full speed behind what was fed."""
    spot = [capture(f"spot_btcusdt_{day}.gz") for day in ("20240808", "20240809")]
    pipeline.json("feed", "binance_spot", *(part for path in spot for part in ("--capture", str(path))))
    with gzip.open(capture("coinbase_20210417.gz", "books")) as found:
        frames = [line for line in found if re.match(rb"[\d.]+: \{", line) and b'"BTC-USD"' not in line]
    lines = [line.split(b": ", 1) for line in frames]
    history = _written(tmp_path / "2021.gz", [b"%d %b" % (round(float(at) * 1e9), frame) for at, frame in lines])
    pipeline.json("feed", "coinbase", "--capture", str(history))
    drained = pipeline.json("drain", "--timeout", "600")
    assert drained["open_repair_requests"] == 0
    assert sum(OffsetReader(pipeline.settings).ends(["repair.analytics.v1"]).values()) == 0
    assert pipeline.json("verify")["differences"] == 0
    assert len(assert_equals_oracle(pipeline, spot, "binance_spot")) > 500
    days = "select count() from bars_latest where entity_id like 'coinbase:%' and interval = '1d'"
    assert pipeline.json("query", f"{days} and window_start < '2022-01-01'")["rows"][0][0] > 5


def _body(line):
    return json.loads(line.split(b" ", 1)[1])["data"]


def _spoiled(lines):
    """Split a capture into all but some trades and depth frames, these, and another copy of a trade.

    Returns the three lists of lines, which numbers are missing from the first, by channel, and the trade's line.
    """
    trades = [line for line in lines if b'"e":"trade"' in line]
    depths = [line for line in lines if b'"e":"depthUpdate"' in line]
    lost = [trades[500], *trades[900:903], depths[100], *depths[200:202]]
    numbers = [("trade", _body(trades[500])["t"], _body(trades[500])["t"])]
    numbers += [("trade", _body(trades[900])["t"], _body(trades[902])["t"])]
    numbers += [
        ("depth", _body(depths[first])["pu"] + 1, _body(depths[last])["u"]) for first, last in ((100, 100), (200, 201))
    ]
    other = re.sub(rb'"p":"', rb'"p":"1', trades[700])
    return [line for line in lines if line not in lost], lost, [other], sorted(numbers), trades[700]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_lost_frames_are_gaps_until_they_come_and_another_copy_is_a_conflict(pipeline, tmp_path):
    """A part of the capture once more, as another venue's: its entities are its own."""
    whole = capture("usdm_btcusdt_20240808.gz")
    with gzip.open(whole) as found:
        every = found.readlines()
    lines = every[:20_000]
    pipeline.json("feed", "binance_usdm", "--capture", str(whole), "--speed", "40")  # what was fed before is not again
    pipeline.json("drain", "--timeout", "600")
    await_watermark(pipeline, int(every[-1].split()[0]) // 1000 - 10_000_000)
    kept, lost, other, numbers, trade = _spoiled(lines)
    entity = "binance_coinm:BTCUSDT"

    def feed(name, part):
        path = _written(tmp_path / f"{name}.gz", part)
        pipeline.json("feed", "binance_coinm", "--capture", str(path), "--speed", "40")
        pipeline.json("drain", "--timeout", "600")
        return pipeline.json("gaps", "--all", "--entity", entity)

    told = feed("kept", kept)["gaps"]
    assert sorted((gap["channel"], gap["first_id"], gap["last_id"]) for gap in told) == numbers
    assert all((gap["version"], gap["remaining"]) == (1, gap["last_id"] - gap["first_id"] + 1) for gap in told)
    after = feed("lost", lost)
    assert after["open"] == 0
    assert {gap["gap_id"] for gap in after["gaps"]} == {gap["gap_id"] for gap in told}
    assert all(gap["version"] == gap["last_id"] - gap["first_id"] + 2 and not gap["missing"] for gap in after["gaps"])

    assert feed("other", other) == after
    letters = records(pipeline.settings.kafka.bootstrap_servers, "deadletter.ingestion.v1", "dead_letter")
    (letter,) = [one for one in letters if one["reason"] == "conflict"]
    first = decode("raw_envelope", first_copy(pipeline.settings, letter))["payload"]
    assert first == trade.split(b" ", 1)[1].strip()
    assert decode("raw_envelope", letter["record"])["payload"] == first.replace(b'"p":"', b'"p":"1')

    (shown,) = pipeline.json("deadletters", "show", letter["dead_letter_id"])
    assert (shown["first_copy"]["found_in"], shown["first_copy"]["envelope"]["payload"]) == ("kafka", first.decode())
    assert pipeline.json("status")["attention"]["conflicts"] == 1

    # The same hours were fed before, as the first venue's. Windows are kept by their own entity's clock: none was gone.
    assert pipeline.json("repair")["requests"] == 0
    verified = pipeline.json("verify", "--fail-on-empty")
    assert verified["differences"] == 0
    assert tables(verified)["normalized.gaps.v1"] == len(numbers)
    books = reconcile(pipeline.settings, verified)
    assert books["conflicts"] == 1
    assert all(books["balance"].values()), books
    assert_equals_oracle(pipeline, [_written(tmp_path / "log.gz", kept + lost)], "binance_coinm")
