"""The fold over a shard's log: equal to the plain one, however it is cut, saved, restored or replayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.frames import TOPICS, logs
from property.oracle import Outcome, Raw, cut, envelope, fold

from udfs.dedup import dedup
from udfs.ingest.conflicts import position_of_first
from udfs.ingest.ingestor import Ingestor
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.rows.arrow import to_arrow
from udfs.wire.dead_letters import DeadLetter
from udfs.wire.envelope import Envelopes, decode

CUTS = st.lists(st.integers(0, 12), max_size=12)
#: What happens to the state after a batch: nothing, a delta is taken, a snapshot is, or the job is killed and restored.
SAVES = st.lists(st.integers(0, 3), max_size=12)


@pytest.fixture(autouse=True)
def forget_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep no spare room, so that expired state is removed all the time."""
    monkeypatch.setattr(dedup, "_room", lambda least: max(least, 1))


class Kept:
    """A fold together with the log of its state, as an engine keeps it."""

    def __init__(self, kind: Any, topic: str) -> None:
        self.kind, self.topic = kind, topic
        self.fold = kind(topic)
        self.log: list[bytes] = []

    def save(self, how: int) -> None:
        if how == 0:
            self.log.append(self.fold.delta())
        elif how == 1:
            self.log = [self.fold.snapshot()]
        elif how == 2:
            self.log.append(self.fold.delta())
            self.fold = self.kind.restore(self.topic, self.log)


def run(topic: str, log: Sequence[Raw], cuts: list[int], saves: list[int]) -> Outcome:
    kept = Kept(Normalizer, topic)
    out = Outcome()
    for n, part in enumerate(cut(log, cuts)):
        envelopes, _, bad = decode([envelope(raw) for raw in part])
        assert not bad
        got: Normalized = kept.fold.process(envelopes)
        assert len(part) == got.frames + got.duplicates + len(got.dead_letters) + got.not_normalized
        rows = got.trades if len(got.trades) else got.quotes
        assert rows.keys() == rows.entity_ids.tolist()
        out.values += rows.encode()
        # test_gaps.py and test_quality.py have the others.
        low_rate = [one for one in got.low_rate if one.topic not in ("normalized.gaps.v1", "quality.normalization.v1")]
        out.values += [record.value for record in low_rate]
        assert {record.topic for record in low_rate} <= {topic.replace("raw.sim", "normalized")}
        _same_arrow(rows)
        out.dead += [(letter.dead_letter_id, letter.reason) for letter in got.dead_letters]
        assert all(letter.record in map(envelope, part) for letter in got.dead_letters)
        out.duplicates += got.duplicates
        out.not_normalized += got.not_normalized
        out.frames += got.frames
        if n < len(saves):
            kept.save(saves[n])
    return out


def _same_arrow(rows: Any) -> None:
    batch = to_arrow(rows)
    batch.validate(full=True)
    assert batch.column("value").to_pylist() == rows.encode()


def same(left: Outcome, right: Outcome) -> None:
    assert left.values == right.values
    assert left.dead == right.dead
    assert (left.frames, left.duplicates, left.not_normalized) == (right.frames, right.duplicates, right.not_normalized)


@pytest.mark.parametrize("topic", TOPICS)
@given(data=st.data())
def test_equals_the_plain_fold_however_it_is_cut_and_saved(topic: str, data: st.DataObject) -> None:
    log = data.draw(logs(topic))
    same(run(topic, log, data.draw(CUTS), data.draw(SAVES)), fold(topic, log))


@pytest.mark.parametrize("topic", [name for name in TOPICS if "trade" in name or "spot" in name or "match" in name])
@given(data=st.data())
def test_bronze_replays_to_the_same_outcome(topic: str, data: st.DataObject) -> None:
    log = data.draw(logs(topic))
    kept = Kept(Ingestor, topic)
    positions: list[int] = []
    letters: list[DeadLetter] = []
    conflicts: list[tuple[bytes, int]] = []
    at = duplicates = 0
    saves = data.draw(SAVES)
    for n, part in enumerate(cut(log, data.draw(CUTS))):
        got = kept.fold.process([envelope(raw) for raw in part], range(at, at + len(part)), 3)
        at += len(part)
        positions += got.bronze.offsets.tolist()
        assert got.bronze.values.tolist() == [envelope(log[i]) for i in got.bronze.offsets]
        letters += got.dead_letters
        conflicts += [(letter.record, _first(letter)) for letter in got.conflicts]
        duplicates += got.duplicates
        if n < len(saves):
            kept.save(saves[n])
    plain = fold(topic, log)
    assert positions == plain.bronze
    assert letters == []
    assert conflicts == [(envelope(log[copy]), first) for copy, first in plain.conflicts]
    assert duplicates == len(log) - len(positions)
    replayed = fold(topic, [log[i] for i in positions])
    assert replayed.duplicates == 0
    assert (replayed.values, replayed.dead) == (plain.values, plain.dead)
    same(run(topic, [log[i] for i in positions], [], []), replayed)


def _first(letter: DeadLetter) -> int:
    place = position_of_first(letter.detail)
    assert letter.reason == "conflict"
    assert place
    assert place[:2] == (letter.topic, 3)
    return place.offset


@pytest.mark.parametrize("topic", ["raw.sim.trade.v1", "raw.kraken.trade.v1"])
@given(data=st.data())
def test_entity_seq_is_dense_per_entity_and_ingest_date(topic: str, data: st.DataObject) -> None:
    log = data.draw(logs(topic))
    envelopes, _, _ = decode([envelope(raw) for raw in log])
    rows = Normalizer(topic).process(envelopes).trades
    seen: dict[tuple[bytes, int], list[int]] = {}
    for entity, date, seq in zip(rows.keys(), rows.ingest_date.tolist(), rows.entity_seq.tolist(), strict=True):
        seen.setdefault((entity, date), []).append(seq)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen.values())


@given(log=logs("raw.sim.trade.v1"), begin=st.integers(0, 10))
def test_arrow_columns_are_the_records(log: list[Raw], begin: int) -> None:
    columns = list(zip(*log, strict=True)) or [()] * 10
    batch = pa.RecordBatch.from_arrays(
        [pa.array(column, _ARROW[name]) for name, column in zip(Raw._fields, columns, strict=True)], names=Raw._fields
    ).slice(begin)
    rows = Normalizer("raw.sim.trade.v1").process(Envelopes.from_arrow(batch)).trades
    plain = fold("raw.sim.trade.v1", log[begin:])
    assert rows.encode() == plain.values
    table = to_arrow(rows)
    for name in table.schema.names[:-1]:
        column = table.column(name)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            column = column.cast(pa.int64() if pa.types.is_timestamp(column.type) else pa.int32())
        assert column.to_pylist() == [record[name] for record in plain.rows]


_ARROW = {
    name: pa.binary()
    if name == "payload"
    else pa.int64()
    if name in ("event_time", "ingest_time", "source_seq")
    else pa.string()
    for name in Raw._fields
}
