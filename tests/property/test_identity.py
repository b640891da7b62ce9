"""Identity is content (law 4): the same print is the same event, whoever collected it; and nothing breaks the
collector.
"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from property.frames import MIDNIGHT, NUMBERS, TOPICS, kraken_trade

from udfs.gate.assign import assign
from udfs.values.times import plausible

VENUES = sorted({venue for venue, _, _ in TOPICS.values()})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("estpqTEubBaAmUX"), inner, max_size=6),
    max_leaves=12,
)


def _sane(venue: str, payload: bytes) -> None:
    found = assign(venue, payload)
    assert found == assign(venue, payload)
    assert found.event_id.startswith(f"{found.entity_id}:{found.channel}:")
    assert found.entity_id == venue or found.entity_id.startswith(f"{venue}:")
    assert (found.entity_id == venue) == (found.channel in ("unassigned", "control"))
    assert found.event_time is None or plausible(found.event_time)


@given(st.sampled_from(VENUES), st.binary(max_size=60))
def test_any_bytes_are_assigned(venue: str, payload: bytes) -> None:
    _sane(venue, payload)


@given(st.sampled_from(VENUES), JSON)
def test_any_json_is_assigned(venue: str, value: object) -> None:
    _sane(venue, json.dumps(value).encode())


@given(st.sampled_from(sorted(TOPICS)), st.integers(0, 10**15), st.sampled_from(NUMBERS), st.data())
def test_damaged_frames_are_assigned(topic: str, number: int, price: str, data: st.DataObject) -> None:
    venue, build, symbols = TOPICS[topic]
    payload = build(symbols[0], number, MIDNIGHT, price, "1")
    at = data.draw(st.integers(0, len(payload) - 1))
    _sane(venue, payload)
    _sane(venue, payload[:at])
    _sane(venue, payload[:at] + data.draw(st.binary(max_size=3)) + payload[at + 1 :])


@given(st.sampled_from([topic for topic in TOPICS if "unassigned" not in topic]), st.integers(0, 10**15))
def test_white_space_and_wrappers_change_nothing(topic: str, number: int) -> None:
    venue, build, symbols = TOPICS[topic]
    payload = build(symbols[0], number, MIDNIGHT, "1.5", "1")
    body = json.loads(payload)
    spaced = json.dumps(body, indent=1).encode()
    found = assign(venue, payload)
    assert found.channel == topic.split(".")[2]
    assert assign(venue, spaced) == found
    if isinstance(body, dict) and "data" in body:
        assert assign(venue, json.dumps(body["data"]).encode()) == found
    assert assign(venue, build(symbols[0], number + 1, MIDNIGHT, "1.5", "1")).event_id != found.event_id
    assert (
        assign(venue, build(symbols[-1], number, MIDNIGHT, "1.5", "1")).entity_id != found.entity_id
        or len(symbols) == 1
    )


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_kraken_identity_is_the_data_not_the_channel_number(number: int, channel: int) -> None:
    payload = kraken_trade("XBT/USD", number, MIDNIGHT, "1", "1")
    body = json.loads(payload)
    assert assign("kraken", json.dumps([channel, *body[1:]]).encode()) == assign("kraken", payload)
