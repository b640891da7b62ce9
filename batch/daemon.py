"""The process that Spark forks its Python workers from: kernels are imported and compiled once, not once per worker."""

from __future__ import annotations

from pyspark.daemon import manager

import udfs
from batch import kernels  # noqa: F401 - forked workers find it loaded

if __name__ == "__main__":
    udfs.warmup()
    manager()  # type: ignore[no-untyped-call]
