"""Data-quality rules as pure functions over values; ``schemas/quality.toml`` says which topic has which."""

from udfs.quality.checks import Columns, Pair, evaluate, expected, observed, violated
from udfs.quality.stop import QualityStop

__all__ = ["Columns", "Pair", "QualityStop", "evaluate", "expected", "observed", "violated"]
