"""The process that Spark forks its Python workers from: kernels are imported and compiled once, not once per worker."""

from __future__ import annotations

import sys

# Spark puts its Python package first on the path as an archive, in which nothing is compiled. It is installed as well.
sys.path[:] = [entry for entry in sys.path if not entry.endswith(".zip")]

import pandas as pd  # noqa: E402, F401 - what every worker would import itself
import pyspark.sql.pandas.serializers  # noqa: E402, F401
from pyspark.daemon import manager  # noqa: E402

import udfs  # noqa: E402
from batch.replaying import normalize_workers, window_workers  # noqa: E402, F401 - forked workers find them loaded

if __name__ == "__main__":
    udfs.warmup()
    manager()  # type: ignore[no-untyped-call]
