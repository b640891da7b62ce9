"""What retention has cut before normalize had read it, from Bronze: folded ahead of a shard's first record.

The log goes on as if nothing had been cut. Numbers (``entity_seq``) follow the log, so the records cannot come later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flink_jobs.fold_accounts import Counted
from flink_jobs.replies import normalized, together
from runtime.fills import END, place
from schemas.catalog import OFFSET
from udfs.normalize.normalizer import Normalizer
from udfs.wire.blocks import Part
from udfs.wire.envelope import Envelopes

_ROWS = 16_384


def steps(folder: Path, fold: Normalizer, part: Part) -> Iterator[Callable[[], Counted]]:
    """Yield what folds the records of ``folder`` that lie before a part's first one.

    A job that restarts later comes here once more. What it knows is dropped then as any other copy; and where the log
    has gone on behind all that the file has, there is nothing to fold.
    """
    path, first = place(folder, part.topic, part.partition), int(part.offsets[0])
    if not path.exists():
        return
    with pq.ParquetFile(path) as file:
        if first > int(file.schema_arrow.metadata[END]):
            return
        for batch in file.iter_batches(_ROWS):
            rows = batch.filter(pc.less(batch.column(OFFSET), first))
            if rows.num_rows:
                yield partial(_folded, fold, part.partition, rows)


def _folded(fold: Normalizer, partition: int, rows: pa.RecordBatch) -> Counted:
    """Fold records, each by the version that holds for its offset."""
    offsets = rows.column(OFFSET).to_numpy(zero_copy_only=False)
    return together(
        [
            normalized(fold, Envelopes.from_arrow(rows.slice(begin, end - begin)))
            for begin, end in fold.turns(partition, offsets)
        ]
    )
