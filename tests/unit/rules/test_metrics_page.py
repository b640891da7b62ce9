"""The page on metrics has what the folds count: each name, with the folds that have it."""

import re

from support.folds import FOLDS, work

from flink_jobs import fold_accounts
from runtime.config import ROOT

PAGE = ROOT / "docs" / "reference" / "metrics.md"


def test_the_page_has_each_metric_with_the_folds_that_have_it():
    table = {}
    for name, folds in re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE):
        table[name] = set(FOLDS) if folds == "all" else set(folds.split(", "))
    declared = {fold_accounts.STATE_BYTES: set(FOLDS)}
    for fold in FOLDS:
        its = work(fold)
        for name in (*its.counters, *([fold_accounts.WATERMARK_LAG] if its.ticks else [])):
            declared.setdefault(name, set()).add(fold)
    assert table == declared
    constants = (value for name, value in vars(fold_accounts).items() if name.isupper())
    assert {value for value in constants if isinstance(value, str)} == set(table)
