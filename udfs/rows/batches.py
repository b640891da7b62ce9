"""Normalized rows, columnar, with exactly the contracts' columns; texts stay slices of the envelopes they came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from schemas.contracts import contract
from udfs.gate.topic_rules import Rules
from udfs.kernels import writing
from udfs.kernels.slices import Bits, Codes, Longs, Octets, Slices
from udfs.values.times import DAY
from udfs.wire.envelope import Envelopes

_WORDS: Octets = writing.WORDS


class Rows:
    """What trades and quotes have in common.

    ``rows[k]`` is the envelope that row k came from, ``part[k]`` which print of it (-1: the only one); ``id_size`` is
    where, in the envelopes' event ids, the venue's own id ends (an amended event's goes on). ``numbers`` is
    a matrix of whole and part of each decimal (x·1e12 = whole·1e12 + part), one column per row; times in µs.
    """

    kind = ""

    def __init__(
        self,
        rules: Rules,
        envelopes: Envelopes,
        id_size: Longs,
        rows: Longs,
        part: Longs,
        event_time: Longs,
        entity_seq: Longs,
        numbers: Longs,
        flag: Bits,
        entity: Codes,
        names: list[bytes],
    ) -> None:
        self.rules = rules
        self.envelopes = envelopes
        self.id_size = id_size
        self.rows = rows
        self.part = part
        self.event_time = event_time
        self.entity_seq = entity_seq
        self.numbers = numbers
        self.flag = flag
        self._entity = entity
        self._names = names

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ingest_time(self) -> Longs:
        return self.envelopes.ingest_time[self.rows]

    @property
    def ingest_date(self) -> Longs:
        return self.ingest_time // DAY

    @property
    def entity_ids(self) -> Slices:
        return self.envelopes.entity_ids.take(self.rows)

    def keys(self) -> list[bytes]:
        """Return the Kafka keys."""
        names = self._names
        return [names[code] for code in self._entity.tolist()]

    def encode(self) -> list[bytes]:
        """Return the Kafka values."""
        return self.wire().tolist()

    def wire(self) -> Slices:
        """Return the Kafka values in one buffer, one after the other."""
        env = self.envelopes
        n = len(self.rows)
        event, entity, source = (
            int(text.size[self.rows].sum()) for text in (env.event_ids, env.entity_ids, env.source_ids)
        )
        bound = n * (writing.FIXED + len(self.rules.venue)) + 2 * event + 2 * entity + source
        out = np.empty(bound, dtype=np.uint8)
        ends = np.empty(n, dtype=np.int64)
        used = self._write(
            out, ends, np.frombuffer(contract(self.kind).header, dtype=np.uint8), _WORDS,
            np.frombuffer(self.rules.venue.encode(), dtype=np.uint8),
            len(self.rules.suffix), len(self.rules.channel) + 2 if self.rules.venue_ids else -1,
            self.rows, self.part, *env.event_ids.parts, self.id_size, *env.entity_ids.parts, *env.source_ids.parts,
            env.source_seq, env.ingest_time,
        )  # fmt: skip
        start = np.concatenate([np.zeros(1, dtype=np.int64), ends])[:-1]
        return Slices(out[:used], start, ends - start)

    def _write(self, *arguments: Any) -> int:
        raise NotImplementedError


class TradeBatch(Rows):
    """Rows of the ``trade`` contract; ``flag`` is 1 where the taker bought, -1 where it sold."""

    kind = "trade"

    def _write(self, *arguments: Any) -> int:
        used: int = writing.write_trades(*arguments, self.event_time, self.entity_seq, self.numbers.ravel(), self.flag)
        return used


class QuoteBatch(Rows):
    """Rows of the ``quote`` contract; ``flag`` is 1 where the venue sends no time."""

    kind = "quote"

    def _write(self, *arguments: Any) -> int:
        used: int = writing.write_quotes(*arguments, self.event_time, self.entity_seq, self.numbers.ravel(), self.flag)
        return used
