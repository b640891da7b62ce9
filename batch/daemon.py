"""The process that Spark forks its Python workers from: kernels are imported and compiled once, not once per worker."""

from __future__ import annotations

import pandas as pd  # noqa: F401 - what every worker would import itself
import pyspark.sql.pandas.serializers  # noqa: F401
from pyspark.daemon import manager

import udfs
from batch import kernels  # noqa: F401 - forked workers find it loaded

if __name__ == "__main__":
    udfs.warmup()
    manager()  # type: ignore[no-untyped-call]
