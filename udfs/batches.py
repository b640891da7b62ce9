"""Normalized rows, columnar, with exactly the contracts' columns."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import fastavro

from schemas.contracts import contract
from udfs.decimals import limbs
from udfs.envelope import Envelopes
from udfs.times import day_of
from udfs.venues.frames import QuoteRow, TradeRow


@dataclass
class _Batch:
    rows: list[dict[str, Any]] = field(default_factory=list)
    kind = ""

    def __len__(self) -> int:
        return len(self.rows)

    def _common(self, env: Envelopes, i: int, suffix: str, event_time: int | None, seq: int) -> dict[str, Any]:
        entity, ingest = env.entity_id[i], int(env.ingest_time[i])
        return {
            "event_id": env.event_id[i] + suffix,
            "entity_id": entity,
            "venue": env.venue[i],
            "symbol": entity[len(env.venue[i]) + 1 :].removesuffix("@agg"),
            "event_time": ingest if event_time is None else event_time,
            "event_time_source": "ingest" if event_time is None else "venue",
            "ingest_time": ingest,
            "ingest_date": day_of(ingest),
            "entity_seq": seq,
            "source_id": env.source_id[i],
            "source_seq": int(env.source_seq[i]),
        }

    def keys(self) -> list[bytes]:
        """Return the Kafka keys."""
        return [row["entity_id"].encode() for row in self.rows]

    def encode(self) -> list[bytes]:
        """Return the Kafka values."""
        found = contract(self.kind)
        schema = fastavro.parse_schema(found.schema)
        values = []
        for row in self.rows:
            out = io.BytesIO(found.header)
            out.seek(5)
            fastavro.schemaless_writer(out, schema, row)
            values.append(out.getvalue())
        return values

    def to_arrow(self) -> Any:
        """Return the contract's columns and ``value``, the wire bytes."""
        import pyarrow as pa  # noqa: PLC0415

        fields = []
        for spec in contract(self.kind).schema["fields"]:
            kind = spec["type"]
            name = kind if isinstance(kind, str) else kind["logicalType"]
            fields.append(
                pa.field(
                    spec["name"],
                    {
                        "string": pa.string(),
                        "long": pa.int64(),
                        "timestamp-micros": pa.timestamp("us", tz="UTC"),
                        "date": pa.date32(),
                        "decimal": pa.decimal128(28, 12),
                    }[name],
                    nullable=False,
                )
            )
        columns = [pa.array([row[f.name] for row in self.rows], f.type) for f in fields]
        columns.append(pa.array(self.encode(), pa.binary()))
        return pa.RecordBatch.from_arrays(
            columns, schema=pa.schema([*fields, pa.field("value", pa.binary(), nullable=False)])
        )


def _decimal(scaled: int) -> Decimal:
    return Decimal(scaled).scaleb(-12)


class TradeBatch(_Batch):
    """Rows of the ``trade`` contract."""

    kind = "trade"

    def append(self, env: Envelopes, i: int, suffix: str, row: TradeRow, seq: int) -> None:
        size, notional = limbs(row.size, 3), limbs(row.notional, 4)
        self.rows.append(
            self._common(env, i, suffix, row.event_time, seq)
            | {
                "venue_trade_id": row.venue_trade_id,
                "price": _decimal(row.price),
                "size": _decimal(row.size),
                "aggressor": row.aggressor,
            }
            | {f"size_l{n}": part for n, part in enumerate(size)}
            | {f"notional_l{n}": part for n, part in enumerate(notional)}
        )


class QuoteBatch(_Batch):
    """Rows of the ``quote`` contract."""

    kind = "quote"

    def append(self, env: Envelopes, i: int, suffix: str, row: QuoteRow, seq: int) -> None:
        self.rows.append(
            self._common(env, i, suffix, row.event_time, seq)
            | {
                "venue_update_id": row.venue_update_id,
                "bid_price": _decimal(row.bid_price),
                "bid_size": _decimal(row.bid_size),
                "ask_price": _decimal(row.ask_price),
                "ask_size": _decimal(row.ask_size),
            }
        )
