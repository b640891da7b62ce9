"""From rows of reference data to records, in process: the collector's frames, the fold, the kernel."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import fastavro

from collectors.reference import ReferenceFile, Supplement, frames_of
from schemas.contracts import by_id
from udfs.corporate_actions.adjust import adjust
from udfs.corporate_actions.history import Action, Close, History
from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.wire import envelope
from udfs.wire.low_rate import LowRateRecord

NOW = 1_700_000_000_000_000
SCALE = 10**12


def envelopes(payloads: Iterable[bytes], ingest_time: int = NOW) -> dict[str, list[bytes]]:
    """Return Kafka values by raw topic, as the collector assigns them."""
    found: dict[str, list[bytes]] = {}
    for seq, payload in enumerate(payloads, start=1):
        who = assign("reference", payload)
        value = envelope.encode_one(
            who.event_id, who.entity_id, "reference", who.channel, ingest_time, "ingest", ingest_time, "test", seq,
            payload,
        )  # fmt: skip
        found.setdefault(f"raw.reference.{who.channel}.v1", []).append(value)
    return found


def fold(topic: str, values: list[bytes]) -> Normalized:
    return Normalizer(topic).process(envelope.decode(values)[0])


def read(record: LowRateRecord) -> dict[str, Any]:
    """Decode a record by another library than the one that wrote it; times in µs, dates in days."""
    contract = by_id(int.from_bytes(record.value[1:5], "big"))
    assert contract is not None
    fields = []
    for field in contract.schema["fields"]:
        kind = field["type"]
        plain = isinstance(kind, dict) and kind["logicalType"] in ("timestamp-micros", "date")
        fields.append({**field, "type": kind["type"] if plain else kind})
    schema = fastavro.parse_schema({**contract.schema, "fields": fields})
    found = fastavro.schemaless_reader(io.BytesIO(record.value[5:]), schema)
    assert isinstance(found, dict)
    return found


def normalized(payloads: Iterable[bytes]) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Return the records of these frames and (entity, reason) of what was rejected."""
    records, rejected = [], []
    for topic, values in envelopes(payloads).items():
        out = fold(topic, values)
        assert len(values) == out.frames + out.duplicates + len(out.dead_letters) + out.not_normalized
        records += [read(one) for one in out.low_rate if one.topic.startswith("normalized.")]  # quality flags are not
        rejected += [(letter.entity_id, letter.reason) for letter in out.dead_letters]
    return records, rejected


def rows(*found: Mapping[str, str]) -> list[bytes]:
    """Return the frames of rows, all of symbol X unless they say another."""
    return [frame for row in found for frame in frames_of(dict(row), Supplement(symbol="X"))]


def file_frames(path: Path, told: Supplement) -> list[bytes]:
    return [payload for block in ReferenceFile(path, told).blocks(0) for payload in block.payload]


def history(series: str, records: Sequence[Mapping[str, Any]]) -> History:
    """Return the kernel's input out of normalized records."""
    actions, closes = [], []
    for one in records:
        if "action_id" in one:
            ratio = Fraction(int(one["ratio_numerator"]), int(one["ratio_denominator"]))
            successor = f"reference:{one['new_symbol']}" if one["new_symbol"] else ""
            actions.append(
                Action(
                    one["entity_id"], one["action_id"], one["revision"], one["status"], one["kind"], one["ex_date"],
                    ratio, Fraction(one["amount"]), one["currency"], successor, one["ingest_time"],
                )
            )  # fmt: skip
        else:
            closes.append(
                Close(
                    one["entity_id"], one["date"], one["revision"], one["close"], one["volume"],
                    one["published_adjusted_close"], one["currency"], one["basis"],
                    one["source_id"], one["ingest_time"],
                )
            )  # fmt: skip
    return History(series, actions, closes)


def latest_bars(found: History) -> dict[int, dict[str, Any]]:
    """Return the bar of each session with every action applied."""
    _, bars = adjust(found)
    latest: dict[int, dict[str, Any]] = {}
    for bar in bars:
        if bar["date"] not in latest or bar["as_of"] > latest[bar["date"]]["as_of"]:
            latest[bar["date"]] = bar
    return latest
