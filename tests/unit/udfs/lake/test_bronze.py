"""Bronze's columns are the envelopes that ingest accepted, and where in Kafka they stood."""

from __future__ import annotations

import pyarrow as pa

from udfs.ingest.ingestor import Ingestor
from udfs.lake.bronze import SCHEMA, bronze_columns
from udfs.values.times import DAY
from udfs.wire.envelope import encode_one

TOPIC = "raw.sim.trade.v1"
NOW = 1_723_161_600_000_000


def log(rows: list[tuple[str, int, str, bytes]]) -> list[bytes]:
    return [
        encode_one(f"{entity}:trade:{n}", entity, "sim", "trade", at - 5, "venue", at, source, n, payload)
        for n, (entity, at, source, payload) in enumerate(rows)
    ]


def test_a_row_is_an_envelope_and_its_place() -> None:
    values = log([("sim:A", NOW, "s", b"{}"), ("sim:B", NOW + 1, "t", b"\xff\x00")])
    ((date, batch),) = bronze_columns(Ingestor(TOPIC).process(values, [41, 43], 3).bronze)
    batch.validate(full=True)
    assert batch.schema == SCHEMA
    assert date == "2024-08-09"
    assert batch.to_pylist()[1] == {
        "event_id": "sim:B:trade:1", "entity_id": "sim:B", "venue": "sim", "channel": "trade", "event_time": NOW - 4,
        "event_time_source": "venue", "ingest_time": NOW + 1, "source_id": "t", "source_seq": 1,
        "payload": b"\xff\x00", "ingest_date": "2024-08-09", "topic": TOPIC, "kafka_partition": 3, "kafka_offset": 43,
    }  # fmt: skip


def test_each_ingest_date_has_its_rows_in_log_order() -> None:
    rows = [("sim:A", NOW + (k % 3) * DAY // 2, f"s{k % 3}", f"{k}".encode()) for k in range(20)]
    accepted = Ingestor(TOPIC).process(log(rows), range(20), 0).bronze
    got = dict(bronze_columns(accepted))
    assert sorted(got) == ["2024-08-09", "2024-08-10"]
    merged = pa.Table.from_batches(got.values()).unify_dictionaries().sort_by("kafka_offset")
    assert merged["payload"].to_pylist() == [b"%d" % k for k in range(20)]
    for date, batch in got.items():
        assert set(batch["ingest_date"].to_pylist()) == {date}
        offsets = batch["kafka_offset"].to_pylist()
        assert offsets == sorted(offsets)


def test_nothing_accepted_is_no_batch() -> None:
    assert list(bronze_columns(Ingestor(TOPIC).process([b"no envelope"], [0], 0).bronze)) == []
