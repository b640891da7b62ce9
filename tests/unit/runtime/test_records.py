"""Records of our own topics, read one by one: whatever bytes stand there."""

from __future__ import annotations

import io
from decimal import Decimal

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.oracle import avro

from runtime.records import decoder, encode
from schemas.contracts import versions
from udfs.wire.repair_requests import RepairRequest

REQUEST = RepairRequest("sim:A", "trade", 1_723_161_600_500_000, "behind_watermark")


def test_a_record_is_read_with_times_as_microseconds() -> None:
    assert decoder("repair_request")(REQUEST.encode()) == {
        "entity_id": "sim:A",
        "kind": "trade",
        "window_start": 1_723_161_600_000_000,
        "window_end": 1_723_161_601_000_000,
        "event_time": 1_723_161_600_500_000,
        "reason": "behind_watermark",
    }


@pytest.mark.parametrize("value", [b"", b"\0", REQUEST.encode()[:-1], REQUEST.encode() + b"x", b"\0\0\0\0\1abc"])
def test_what_is_no_record_is_said_to_be_none(value: bytes) -> None:
    with pytest.raises(ValueError):
        decoder("repair_request")(value)


@given(at=st.integers(0, 60), byte=st.binary(max_size=3))
def test_spoiled_bytes_never_crash(at: int, byte: bytes) -> None:
    value = REQUEST.encode()
    try:
        decoder("repair_request")(value[:at] + byte + value[at + 1 :])
    except ValueError:
        return


def test_a_record_of_an_older_version_is_read_as_the_newest_one() -> None:
    """And an old reader keeps what it knows: fields are resolved by their names."""
    bar = {
        "entity_id": "sim:X", "interval": "1s", "window_start": 0, "window_end": 1_000_000, "trade_count": 1,
        "first_trade_id": "1", "last_trade_id": "1", "notional": "1", "buy_notional": "1", "version": 1,
        **dict.fromkeys(("open", "high", "low", "close", "volume", "vwap", "buy_volume"), Decimal(1)),
    }  # fmt: skip
    old, new = avro("bar", bar, 1), avro("bar", {**bar, "last_trade_time": 5}, 2)
    decode = decoder("bar")
    assert decode(old) == decode(bytearray(old)) == {**bar, "last_trade_time": None}
    assert decode(new) == {**bar, "last_trade_time": 5}
    assert encode("bar", {**bar, "last_trade_time": 5}) == new
    first, newest = (fastavro.parse_schema(one.schema) for one in versions("bar"))
    known = fastavro.schemaless_reader(io.BytesIO(new[5:]), newest, first)
    assert isinstance(known, dict)
    assert "last_trade_time" not in known
