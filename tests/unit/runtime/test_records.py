"""Records of our own topics, read one by one: whatever bytes stand there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.records import decoder
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
