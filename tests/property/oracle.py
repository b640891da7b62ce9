"""The fold, plainly: dictionaries, one record at a time, fastavro. Slow, and easy to believe."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import cache, lru_cache
from typing import Any

import fastavro
from property.contract import DAY, Raw, Topic, identify, judge, schema, topic
from property.dialects import Row, WrongError, rows

FOREVER = 1 << 62


@cache
def _schema(name: str, version: int = 0) -> Any:
    return fastavro.parse_schema(schema(name, version)[1])


def avro(name: str, record: dict[str, Any], version: int = 0) -> bytes:
    """Write a record with fastavro, in wire format; 0: as the contract's newest version."""
    out = io.BytesIO()
    out.write(schema(name, version)[0])
    fastavro.schemaless_writer(out, _schema(name, version), record)
    return out.getvalue()


def read(name: str, value: bytes) -> dict[str, Any]:
    """Read a record with fastavro, and check its header."""
    assert value[:5] == schema(name)[0]
    record = fastavro.schemaless_reader(io.BytesIO(value[5:]), _schema(name), None)
    assert isinstance(record, dict)
    return record


@lru_cache(maxsize=1024)
def envelope(raw: Raw) -> bytes:
    """Write an envelope with fastavro; times stay integers."""
    return avro("raw_envelope", raw._asdict())


@dataclass
class _Entity:
    max_ingest: int = -1
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    ids: dict[str, tuple[int, int, object]] = field(default_factory=dict)  # time, position and content of the first


class PlainDedup:
    """The duplicate rules as their docstring has them; nothing is ever removed."""

    def __init__(self, name: str) -> None:
        self.rules = topic(name)
        self.entities: dict[str, _Entity] = {}
        self.conflicts: list[tuple[int, int]] = []  # position of a copy with other content, and of the first copy
        self._position = -1

    def judge(self, raw: Raw) -> str:
        self._position += 1
        skew, horizon = self.rules.skew, self.rules.horizon
        usable = raw.event_time > 0 and -skew <= raw.ingest_time - raw.event_time <= horizon
        time = raw.event_time if usable else raw.ingest_time
        entity = self.entities.setdefault(raw.entity_id, _Entity())
        mark = entity.marks.get(raw.source_id)
        edge = entity.max_ingest - horizon - skew
        found = entity.ids.get(raw.event_id)
        first = found if found and found[0] >= edge else None
        if mark and raw.source_seq <= mark[0] and mark[1] >= entity.max_ingest // DAY - 2:
            self._compare(first, raw)
            return "duplicate"
        amended = raw.source_id.startswith("amend:") and raw.event_id.endswith("~amended")
        if amended:
            time = FOREVER
        if time < edge:
            verdict = "behind"
        else:
            verdict = "first"
            if first:
                self._compare(first, raw)
                return "duplicate"
            entity.ids[raw.event_id] = (time, self._position, self._content(raw))
            if amended and raw.ingest_time // DAY < entity.max_ingest // DAY - 1:
                verdict = "behind"
        entity.marks[raw.source_id] = (raw.source_seq, raw.ingest_time // DAY)
        entity.max_ingest = max(entity.max_ingest, raw.ingest_time)
        return verdict

    def _content(self, raw: Raw) -> object:
        if self.rules.kind == "trade":
            try:
                (trade,) = rows("trade", self.rules.dialect, identify(self.rules, raw)[0])
            except (WrongError, ValueError):  # no good trade, or, of a venue whose copies are not compared, several
                pass
            else:
                fields = trade.fields
                return trade.time, fields["price"], fields["size"], fields["aggressor"]
        pattern = {
            "binance": rb'\{"stream":"[^"\\]*","data":(.*)\}',
            "coinbase": rb'\{"type":"(?:last_)?match"(.*)',
        }.get(self.rules.dialect, b"")
        found = re.fullmatch(pattern, raw.payload, re.DOTALL) if pattern else None
        return found[1] if found else raw.payload

    def _compare(self, first: tuple[int, int, object] | None, raw: Raw) -> None:
        if self.rules.venue_ids and first and first[2] != self._content(raw):
            self.conflicts.append((self._position, first[1]))


@dataclass
class Outcome:
    """What a log became."""

    values: list[bytes] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    dead: list[tuple[str, str]] = field(default_factory=list)
    bronze: list[int] = field(default_factory=list)
    conflicts: list[tuple[int, int]] = field(default_factory=list)
    duplicates: int = 0
    not_normalized: int = 0
    frames: int = 0


def fold(name: str, log: Sequence[Raw], broken: Callable[[dict[str, Any]], str] = lambda _: "") -> Outcome:
    """Fold a whole log; `broken` names the rule for which a record is rejected, if there is one."""
    spec = topic(name)
    dedup = PlainDedup(name)
    counters: dict[tuple[str, int], int] = {}
    out = Outcome()
    for position, raw in enumerate(log):
        verdict = dedup.judge(raw)
        if verdict == "duplicate":
            out.duplicates += 1
            continue
        out.bronze.append(position)
        try:
            found = judge(spec, raw)
        except WrongError as wrong:
            out.dead.append((raw.event_id, str(wrong)))
            continue
        if found is not None and verdict == "behind":
            out.dead.append((raw.event_id, "behind_dedup_window"))
            continue
        if found is None:
            out.not_normalized += 1
            continue
        records = [_record(spec, raw, row, f"#{n}" if len(found) > 1 else "") for n, row in enumerate(found)]
        if broke := [rule for rule in map(broken, records) if rule]:
            out.dead.append((raw.event_id, f"quality.{broke[0]}"))
            continue
        out.frames += 1
        for record in records:
            scope = (raw.entity_id, raw.ingest_time // DAY)
            counters[scope] = counters.get(scope, 0) + 1
            record["entity_seq"] = counters[scope]
            out.rows.append(record)
            out.values.append(avro(spec.kind, record))
    out.conflicts = dedup.conflicts
    return out


def _decimal(scaled: int) -> Decimal:
    with localcontext(prec=60):
        return Decimal(scaled).scaleb(-12)


def _record(spec: Topic, raw: Raw, row: Row, suffix: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "event_id": raw.event_id + suffix,
        "entity_id": raw.entity_id,
        "venue": raw.venue,
        "symbol": raw.entity_id.removeprefix(raw.venue + ":").removesuffix("@agg"),
        "event_time": raw.ingest_time if row.time is None else row.time,
        "event_time_source": "ingest" if row.time is None else "venue",
        "ingest_time": raw.ingest_time,
        "ingest_date": raw.ingest_time // DAY,
        "source_id": raw.source_id,
        "source_seq": raw.source_seq,
    }
    decimals = ("price", "size", "bid_price", "bid_size", "ask_price", "ask_size")
    record |= {name: _decimal(value) if name in decimals else value for name, value in row.fields.items()}
    return record


def cut(log: Sequence[Any], lengths: Iterable[int]) -> list[Sequence[Any]]:
    """Cut a log into batches of these lengths, and the rest."""
    parts, at = [], 0
    for length in lengths:
        parts.append(log[at : at + length])
        at += length
    parts.append(log[at:])
    return parts
