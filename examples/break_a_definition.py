"""Break a definition and watch `verify` name the field.

The stream computes its bars by a definition with one wrong word: it takes sellers for buyers. Every bar has the right
key, the right version and plausible numbers. Spark replays Bronze by the right definition, and the comparison names the
two fields that differ.

Run: ``python -m examples.break_a_definition``
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pyspark.sql import SparkSession

from batch import Verified, open_session, verify
from examples.small_lake import write
from schemas import catalog
from udfs.kernels.slices import Slices
from udfs.windows.definition import BARS, Definition, Reader, header
from udfs.windows.kernels.state import State
from udfs.windows.kernels.trades import fold_trades

SELL = np.frombuffer(b"sell", dtype=np.uint8)


def broken() -> Definition:
    """Return the definition of bars, with sellers taken for buyers."""
    head = header("trade")

    def fold(state: State, values: Slices, first: int) -> int:
        return int(fold_trades(state, *values.parts, first, head, SELL))

    readers: Mapping[str, Reader] = {**BARS.readers, catalog.topic("trade"): fold}
    return replace(BARS, readers=readers)


def proof(spark: SparkSession, folder: Path, bars: Definition) -> Verified:
    """Let the stream write its stores by a definition, and compare them with a replay."""
    settings = write(spark, folder, bars=bars)
    return verify(stores=["silver", "gold"], limit=1_000, versions="current", settings=settings, spark=spark)


def show(result: Verified) -> None:
    """Print the verdict, and per table how often each field differs."""
    print(f"passed: {result.passed()}, differences: {result.differences} of {result.records} records")
    fields = Counter((table, name) for table, one in result.first_differences for name in one.fields)
    for (table, name), count in sorted(fields.items()):
        print(f"  {table}.{name}: {count}")
    for table, one in result.first_differences[:1]:
        print(f"  the first: {table} {one.key}")
        for name, (replayed, found) in one.fields.items():
            print(f"    {name}: the replay says {replayed}, the store holds {found}")


def main() -> None:
    """Prove both: the broken definition fails, and the right one passes."""
    with TemporaryDirectory() as folder, open_session() as spark:
        show(proof(spark, Path(folder, "broken"), broken()))
        show(proof(spark, Path(folder, "right"), BARS))


if __name__ == "__main__":
    main()
