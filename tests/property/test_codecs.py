"""Wire formats: byte for byte what fastavro writes, read back to what was written, and nothing else is read at all."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from property.oracle import Raw, avro, envelope

from udfs.kernels.slices import Slices
from udfs.state.packing import pack, unpack
from udfs.values.times import EARLIEST, LATEST
from udfs.wire.avro import unscaled, write_bytes, write_decimal, write_long, write_text
from udfs.wire.dead_letters import DeadLetter
from udfs.wire.envelope import decode, encode, encode_one, explain

LONGS = st.integers(-(1 << 63), (1 << 63) - 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
RAWS = st.builds(
    Raw, TEXTS, TEXTS, TEXTS, TEXTS, LONGS, st.sampled_from(["venue", "ingest"]),
    st.integers(EARLIEST, LATEST - 1), TEXTS, LONGS, st.binary(max_size=200),
)  # fmt: skip


@given(st.lists(RAWS, max_size=8))
def test_envelopes_are_what_fastavro_writes_and_come_back(raws: list[Raw]) -> None:
    values = [encode_one(*raw) for raw in raws]
    assert values == [envelope(raw) for raw in raws]
    envelopes, index, bad = decode(values)
    assert bad == []
    assert index.tolist() == list(range(len(raws)))
    assert [Raw(*envelopes.row(i)) for i in range(len(raws))] == raws
    assert encode(envelopes) == values
    assert (envelopes.event_id, envelopes.payload) == ([raw.event_id for raw in raws], [raw.payload for raw in raws])


def _judged_alike(values: list[bytes]) -> None:
    """The kernel accepts exactly what the plain reader accepts, and a value that is accepted has one encoding only."""
    envelopes, index, bad = decode(values)
    assert [item.index for item in bad] == [i for i, value in enumerate(values) if explain(value) != ("", "")]
    assert sorted([*index.tolist(), *(item.index for item in bad)]) == list(range(len(values)))
    assert all(item.reason and item.detail for item in bad)
    assert encode(envelopes) == [values[i] for i in index]


@given(RAWS, st.data())
def test_damaged_envelopes_are_never_misread(raw: Raw, data: st.DataObject) -> None:
    value = envelope(raw)
    at = data.draw(st.integers(0, len(value) - 1))
    byte = data.draw(st.integers(0, 255))
    flipped = value[:at] + bytes([byte]) + value[at + 1 :]
    inserted = value[:at] + bytes([byte]) + value[at:]
    _judged_alike([value, value[:at], flipped, inserted, value + bytes([byte]), value[at:]])


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_arbitrary_bytes_are_never_misread(values: list[bytes]) -> None:
    header = envelope(Raw("", "", "", "", 0, "venue", EARLIEST, "", 0, b""))[:5]
    _judged_alike([*values, *(header + value for value in values)])


@given(st.binary(max_size=12))
def test_texts_are_utf8_exactly(text: bytes) -> None:
    plain = envelope(Raw("", "e", "v", "c", 5, "venue", EARLIEST, "s", 1, b"{}"))
    value = plain[:5] + write_bytes(text) + plain[6:]
    _judged_alike([value])
    try:
        text.decode()
    except UnicodeDecodeError:
        assert explain(value)[0] == "malformed"
    else:
        assert explain(value) == ("", "")


@given(TEXTS, TEXTS, LONGS, st.binary(max_size=50))
def test_dead_letters_are_what_fastavro_writes(key: str, text: str, time: int, record: bytes) -> None:
    letter = DeadLetter(key, text, text, key, text, text, text, time, record)
    fields = {name: getattr(letter, name) for name in DeadLetter.__slots__}
    assert letter.encode() == avro("dead_letter", fields)
    assert letter.key() == key.encode()


@given(LONGS, TEXTS, st.integers(-(10**28) + 1, 10**28 - 1))
def test_primitives(number: int, text: str, scaled: int) -> None:
    schema: dict[str, Any] = {
        "entity_id": text, "interval": text, "window_start": number, "window_end": number,
        "notional": text, "trade_count": number, "first_trade_id": text, "last_trade_id": text, "buy_notional": text,
        "version": number,
    }  # fmt: skip
    with localcontext(prec=60):
        value = Decimal(scaled).scaleb(-12)
    price, total = write_decimal(scaled, 28), write_decimal(scaled, 38)
    assert unscaled(value, 12) == scaled
    decimals = dict.fromkeys(("open", "high", "low", "close", "volume", "vwap", "buy_volume"), value)
    body = [write_text(text)] * 2 + [write_long(number)] * 2 + [price] * 4 + [total, write_text(text), price]
    body += [write_long(number), write_text(text), write_text(text), total, write_text(text), write_long(number)]
    assert avro("bar", schema | decimals, 1)[5:] == b"".join(body)


@given(st.lists(LONGS, max_size=30) | st.lists(st.integers(10**15, 10**15 + 70_000), max_size=30))
def test_packed_arrays_come_back(values: list[int]) -> None:
    spread = max(values, default=0) - min(values, default=0)
    if spread < 1 << 63:
        assert unpack(pack(values)).tolist() == values


@given(st.lists(st.binary(max_size=20), max_size=10), st.data())
def test_slices_are_the_values(values: list[bytes], data: st.DataObject) -> None:
    slices = Slices.of(values)
    assert slices.tolist() == values
    assert [slices[i] for i in range(len(values))] == values
    index = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=5)) if values else []
    assert slices.take(np.array(index, dtype=np.int64)).tolist() == [values[i] for i in index]
