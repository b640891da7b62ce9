"""The folds of all jobs, as the jobs make them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flink_jobs.analytics import windows
from flink_jobs.lake_files import BronzeFiles, SilverFiles
from flink_jobs.operators.fold import Work
from flink_jobs.replies import NORMALIZER_COUNTERS, joined, normalized_records
from schemas.quality import default_quality
from udfs.normalize.normalizer import STATE_VERSION, Normalizer
from udfs.windows.definition import BARS, QUOTE_BARS


def _normalize() -> Work:
    restore = partial(Normalizer.restore, quality=default_quality())
    return Work(restore, normalized_records, joined, (STATE_VERSION,), NORMALIZER_COUNTERS, versioned=True)


#: By its name in the graph, which is the label ``fold`` of its metrics, how a fold's work is made.
FOLDS: dict[str, Callable[[], Work]] = {
    "contract gate": lambda: BronzeFiles().work(),
    "normalize": _normalize,
    "silver trade": lambda: SilverFiles("trade").work(),
    "silver quote": lambda: SilverFiles("quote").work(),
    "bars": lambda: windows(BARS, default_quality()),
    "quote bars": lambda: windows(QUOTE_BARS, default_quality()),
}


def work(fold: str) -> Work:
    """Return a fold's work, with nothing in it yet."""
    return FOLDS[fold]()
