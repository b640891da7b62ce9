"""What a fold emits: records of one output topic, as arrays, and the columns behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from udfs.kernels.slices import Codes, Longs, Octets, Slices

#: In place of a time that is not there.
NOTHING = -(1 << 63)


class Column(NamedTuple):
    """A field of a finished record in the table of words: a long, or a decimal of two words."""

    word: int
    words: int


@dataclass(slots=True)
class Results:
    """Records of one topic; ``times`` are those of the records in Kafka, ms.

    ``facts`` has a row of words per record: what the record says in numbers, for rules and for columns.
    """

    times: Longs
    keys: Octets
    key_sizes: Codes
    values: Octets
    value_sizes: Codes
    facts: Longs  # records by words
    rows: Codes  # of the fold's table, until it is fed again

    def __len__(self) -> int:
        return len(self.times)

    def wire(self) -> Slices:
        """View the records' values."""
        return Slices.packed(self.values.data, self.value_sizes.astype(np.int64))

    def entity_ids(self) -> Slices:
        """View the records' keys."""
        return Slices.packed(self.keys.data, self.key_sizes.astype(np.int64))
