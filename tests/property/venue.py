"""A venue, its two collectors and the raw topics they write, as the model sees them.

The envelopes are written by the collectors' real code. The model judges each record as it is appended: what it becomes
depends on the log before it and on nothing else.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, NamedTuple

from property.flink import Shard
from property.model import SECOND, Raw, Reference, Verdict, avro
from property.windows import Window, windows_of

from collectors.block import assigned
from collectors.wrap import Wrapper

MIDNIGHT = 1_723_161_600 * SECOND  # 2024-08-09T00:00Z
#: Symbol → partition of its raw topics, and of its normalized ones.
SYMBOLS = {"AUSDT": (0, 0), "BUSDT": (0, 1), "CUSDT": (1, 1)}
RAW = {"trade": "raw.sim.trade.v1", "quote": "raw.sim.book_ticker.v1"}
_CHANNELS = {"trade": "trade", "quote": "book_ticker"}


class Record(NamedTuple):
    """A record of a raw topic: its value, and what the model says that it becomes."""

    value: bytes
    verdict: Verdict
    event_id: str = ""


class _Collector:
    """A collector; while it is stuck, what it has stamped waits."""

    def __init__(self, name: str, offset_ms: int) -> None:
        self.source_id, self.offset = f"sim:{name}", offset_ms * 1_000
        self.wrapper = Wrapper("sim", self.source_id)
        self.sent: list[tuple[str, Raw]] = []
        self.waiting: list[tuple[str, Raw]] | None = None


class Venue:
    """What happened so far. ``members``: kind → window → the normalized records in it, in log order."""

    def __init__(self) -> None:
        self.raw: dict[Shard, list[Record]] = defaultdict(list)
        self.members: dict[str, dict[Window, list[dict[str, Any]]]] = {"trade": {}, "quote": {}}
        self._now = MIDNIGHT - 45 * SECOND
        self._number = 0
        self._reference = Reference()
        self._collectors = {"a": _Collector("a", 0), "b": _Collector("b", -1_300)}
        self._frames: list[Raw] = []

    def pass_time(self, ms: int) -> None:
        self._now += 1_000 * ms

    def happen(self, kind: str, symbol: str, who: str, delay: int, price: str, size: str) -> None:
        """Let something happen ``delay`` ms ago, and these collectors receive it now."""
        self._number += 1
        body: dict[str, Any] = {"s": symbol, "T": self._now // 1_000 - delay}
        if kind == "trade":
            body |= {"e": "trade", "t": self._number, "p": price, "q": size, "m": self._number % 3 == 0}
        else:
            body |= {"e": "bookTicker", "u": self._number, "b": price, "B": size, "a": price, "A": "0"}
        frame = json.dumps({"stream": "x", "data": body}).encode()
        entity, channel = f"sim:{symbol}", _CHANNELS[kind]
        event_id = f"{entity}:{channel}:{self._number}"
        self._frames.append(Raw(event_id, entity, "sim", channel, 1_000 * body["T"], "venue", 0, "", 0, frame))
        for name in who:
            self.receive(name, 0)

    def receive(self, who: str, back: int) -> None:
        """Let a collector receive what happened ``back`` events ago."""
        if not self._frames:
            return
        collector, frame = self._collectors[who], self._frames[max(0, len(self._frames) - 1 - back)]
        seq = len(collector.sent) + len(collector.waiting or ()) + 1
        stamp = {"ingest_time": self._now + collector.offset, "source_id": collector.source_id, "source_seq": seq}
        raw = frame._replace(**stamp)
        topic = RAW["trade" if raw.channel == "trade" else "quote"]
        if collector.waiting is not None:
            collector.waiting.append((topic, raw))
            return
        collector.sent.append((topic, raw))
        self._append(collector, topic, raw)

    def send_again(self, who: str, back: int) -> None:
        """Let a collector repeat the end of what it sent."""
        collector = self._collectors[who]
        for topic, raw in collector.sent[-back:]:
            self._append(collector, topic, raw)

    def stick(self, who: str) -> None:
        """Let a collector get nothing away any more."""
        collector = self._collectors[who]
        collector.waiting = collector.waiting or []

    def come_back(self, who: str) -> None:
        """Let a collector's backlog arrive."""
        collector = self._collectors[who]
        waiting, collector.waiting = collector.waiting or [], None
        for topic, raw in waiting:
            collector.sent.append((topic, raw))
            self._append(collector, topic, raw)

    def rubbish(self, kind: str, partition: int, value: bytes) -> None:
        """Write what is no envelope."""
        self.raw[RAW[kind], partition].append(Record(value, Verdict("rubbish")))

    def _append(self, collector: _Collector, topic: str, raw: Raw) -> None:
        block = assigned("sim", raw.source_seq, [raw.ingest_time], [raw.payload])
        (value,) = collector.wrapper.wrap(block)
        assert value == avro("raw_envelope", raw._asdict()), "law 4: identity is content"
        verdict = self._reference.judge(topic, raw)
        partition, _ = SYMBOLS[raw.entity_id.removeprefix("sim:")]
        self.raw[topic, partition].append(Record(value, verdict, raw.event_id))
        if verdict.row is not None:
            for window in windows_of(verdict.kind, verdict.row):
                self.members[verdict.kind].setdefault(window, []).append(verdict.row)
