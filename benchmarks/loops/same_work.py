"""The same-work loop: what Polyglot's normalize does, in plain Python, without durability.

Started by ``python -m benchmarks.loops.same_work <task>``.

Raw envelopes in, by fastavro; the gate (identity, exact decimals, times), copies out, numbered per entity and day;
trades and quotes out in their contracts. What is rejected goes whole to ``<target>.dead`` with its reason.
"""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader, schemaless_writer
from orjson import JSONDecodeError, loads

from benchmarks.loops.clients import Sender, Task, batches, say
from benchmarks.loops.contracts import RejectedError, limbs, number, product, schema
from benchmarks.loops.light import Recent
from schemas.contracts import contract
from schemas.domains import domains, raw_topic

DAY_US = 86_400_000_000
LARGEST_PAYLOAD = 1 << 20


class Normalizer:
    """Raw envelopes to trades and quotes."""

    def __init__(self) -> None:
        raw = contract("raw_envelope")
        self._header, self._envelope = raw.header, schema(raw)
        self._out = {name: (contract(name).header, schema(contract(name))) for name in ("trade", "quote")}
        self._sums = "size_l0" in {field["name"] for field in contract("trade").schema["fields"]}
        self._seen = Recent()
        self._last: dict[tuple[str, str, int], int] = {}
        topic = domains().topics[raw_topic("sim", "trade")]
        self._horizon, self._skew = topic.horizon_ms * 1000, topic.max_skew_ms * 1000

    def add(self, value: bytes) -> tuple[str, bytes] | None:
        """Return a record's key and value; None for a copy.

        Raises:
            RejectedError: with the reason.
        """
        if value[:5] != self._header:
            raise RejectedError("unknown_schema")
        raw: Any = schemaless_reader(BytesIO(value[5:]), self._envelope, None)
        if not self._seen.add(raw["event_id"]):
            return None
        kind, row = self._gate(raw)
        entity, day = raw["entity_id"], raw["ingest_time"] // DAY_US
        seq = self._last[kind, entity, day] = self._last.get((kind, entity, day), 0) + 1
        row |= {
            "event_id": raw["event_id"], "entity_id": entity, "venue": raw["venue"],
            "symbol": entity.partition(":")[2], "event_time": raw["event_time"],
            "event_time_source": raw["event_time_source"], "ingest_time": raw["ingest_time"], "ingest_date": day,
            "entity_seq": seq, "source_id": raw["source_id"], "source_seq": raw["source_seq"],
        }  # fmt: skip
        header, out = self._out[kind]
        body = BytesIO()
        body.write(header)
        schemaless_writer(body, out, row)
        return entity, body.getvalue()

    def _gate(self, raw: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if len(raw["payload"]) > LARGEST_PAYLOAD:
            raise RejectedError("payload_too_large")
        try:
            body = loads(raw["payload"])["data"]
            is_trade = {"trade": True, "bookTicker": False}[body["e"]]
            own_id, name = (body["t"], "trade") if is_trade else (body["u"], "book_ticker")
            entity, time = f"sim:{body['s']}", body["T"] * 1000
            if (entity, f"{entity}:{name}:{own_id}", time) != (raw["entity_id"], raw["event_id"], raw["event_time"]):
                raise RejectedError("wrong_identity")
            if not -self._skew <= raw["ingest_time"] - time <= self._horizon:
                raise RejectedError("late_or_future")
            return ("trade", self._trade(body)) if is_trade else ("quote", self._quote(body))
        except (JSONDecodeError, KeyError, TypeError) as error:
            raise RejectedError(f"malformed: {type(error).__name__}") from None

    def _trade(self, body: dict[str, Any]) -> dict[str, Any]:
        price, size = number(body["p"]), number(body["q"])
        notional = product(price, size)
        aggressor = "sell" if body["m"] else "buy"
        row = {"venue_trade_id": str(body["t"]), "price": price, "size": size, "aggressor": aggressor}
        if self._sums:  # the contract asks for the parts of exact sums
            row |= limbs("size", size, 12, 3) | limbs("notional", notional, 24, 4)
        return row

    def _quote(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "venue_update_id": str(body["u"]),
            "bid_price": number(body["b"]), "bid_size": number(body["B"], zero=True),
            "ask_price": number(body["a"]), "ask_size": number(body["A"], zero=True),
        }  # fmt: skip


def main() -> None:
    """Run the loop over the task's partitions."""
    task, loop = Task.of(sys.argv[1]), Normalizer()
    sender, written, rejected = Sender(task), 0, 0
    for messages in batches(task):
        for message in messages:
            try:
                found = loop.add(message.value())
            except RejectedError:
                sender.send("", message.value(), ".dead")
                rejected += 1
                continue
            if found:
                sender.send(*found)
                written += 1
        sender.poll()
    sender.close()
    say(written=written, rejected=rejected)


if __name__ == "__main__":
    main()
