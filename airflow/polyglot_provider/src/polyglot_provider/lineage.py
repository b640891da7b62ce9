"""Topics and tables as datasets of OpenLineage, named as its conventions name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from polyglot_provider.hooks import Installation

BRONZE = ("table:bronze_raw",)
NORMALIZED = ("topic:normalized.trade.v1", "topic:normalized.quote.v1")
ANALYTICS = ("topic:analytics.bar.v1", "topic:analytics.quote_bar.v1")
STORES = ("table:silver_trade", "table:silver_quote", "table:gold_bar", "table:gold_quote_bar")
REFERENCE = ("topic:normalized.corporate_action.v1", "topic:normalized.daily_close.v1")
ADJUSTED = (
    "topic:analytics.adjustment_factor.v1",
    "topic:analytics.adjusted_bar.v1",
    "table:silver_adjustment_factor",
    "table:gold_adjusted_bar",
)
DEAD_LETTERS = ("topic:deadletter.normalization.v1",)


def place(here: Installation, name: str) -> tuple[str, str]:
    """Return namespace and name of ``topic:NAME`` or ``table:NAME``.

    Raises:
        ValueError: it is neither.
    """
    kind, _, rest = name.partition(":")
    if kind == "topic" and rest:
        return f"kafka://{here.kafka.split(',')[0]}", rest
    if kind == "table" and rest:
        lake = urlsplit(here.lake)
        root = f"{lake.netloc}{lake.path}".rstrip("/") if lake.scheme == "file" else lake.path.strip("/")
        namespace = "file" if lake.scheme == "file" else f"{lake.scheme}://{lake.netloc}"
        return namespace, f"{root}/{rest}".lstrip("/") if lake.scheme != "file" else f"{root}/{rest}"
    raise ValueError(f"a dataset is topic:NAME or table:NAME, not {name!r}")


def of(here: Installation, reads: Sequence[str], writes: Sequence[str]) -> Any:
    """Return what a task reads and writes; None where OpenLineage is not installed, or there is nothing to tell."""
    if not reads and not writes:
        return None
    try:
        from airflow.providers.common.compat.openlineage.facet import Dataset  # noqa: PLC0415
        from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415
    except ImportError:
        return None

    def datasets(names: Sequence[str]) -> list[Any]:
        return [Dataset(namespace=namespace, name=name) for namespace, name in (place(here, one) for one in names)]

    return OperatorLineage(inputs=datasets(reads), outputs=datasets(writes))
