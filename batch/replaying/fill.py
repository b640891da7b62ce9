"""Bronze's copy of parts of the raw log, as files: for normalize, where retention has cut what it has not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch.ranges import Days, Span
from batch.replaying.bronze_files import Wanted, pieces, read
from batch.replaying.steps import ShardKey, steps
from batch.spark.bronze import ENVELOPE
from runtime.fills import END, place
from schemas.catalog import OFFSET


def extract(files: Sequence[str], spans: Mapping[ShardKey, tuple[int, int]], folder: Path) -> dict[ShardKey, int]:
    """Write what files of Bronze have of the spans, offsets [first, end), to `folder`; return how many rows each.

    Copies of an event, the marks of transactions, and what is no envelope have no row in Bronze.

    Raises:
        BronzeError: the files are not local.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = Wanted(Days(None, None), last_offset={shard: end - 1 for shard, (_, end) in spans.items()})
    found = [
        piece
        for file in files
        for piece in pieces(file, wanted, Span(None, None))
        if piece.shard in spans and piece.high >= spans[piece.shard][0] and piece.low < spans[piece.shard][1]
    ]
    counts = dict.fromkeys(spans, 0)
    with ExitStack() as stack:
        writers: dict[ShardKey, pq.ParquetWriter] = {}
        for step in steps(found):
            for shard, rows in read(step, wanted, (*ENVELOPE, OFFSET)):
                kept = rows.filter(pc.greater_equal(rows.column(OFFSET), spans[shard][0]))
                if shard not in writers:
                    schema = kept.schema.with_metadata({END: str(spans[shard][1]).encode()})
                    writers[shard] = stack.enter_context(pq.ParquetWriter(place(folder, *shard), schema))
                schema = writers[shard].schema
                writers[shard].write_batch(pa.RecordBatch.from_arrays(kept.columns, schema=schema))
                counts[shard] += kept.num_rows
    return counts
