"""Law 5, as code: the shared definitions reduce by commutative, exact functions only."""

import re

import pytest

from sql import FOLDER

REDUCERS = {"COUNT", "SUM", "MIN", "MAX"}
SCALARS = {"CAST", "CONCAT"}
TYPES = {"DECIMAL"}
FILES = sorted(FOLDER.glob("*.sql"))


def functions(text: str) -> set[str]:
    """Return the names of the functions a statement calls, without comments."""
    statement = re.sub(r"--.*", "", text)
    return {name.upper() for name in re.findall(r"\b([A-Za-z_]\w*)\s*\(", statement)} - {"IN", "AS"} - TYPES


def test_there_are_definitions():
    assert {path.stem for path in FILES} >= {"bars", "quote_bars", "trades_keyed", "quotes_keyed"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_definition_uses_only_what_cannot_depend_on_order_clock_or_rounding(path):
    assert functions(path.read_text()) <= REDUCERS | SCALARS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_definition_has_no_float_no_division_and_no_join(path):
    statement = re.sub(r"--.*", "", path.read_text())
    assert not re.search(r"\b(FLOAT|DOUBLE|REAL|JOIN|OVER|LIMIT|DISTINCT)\b|/|\d\.\d", statement, re.IGNORECASE)


@pytest.mark.parametrize(
    "call", ["LAST_VALUE(price)", "AVG(price)", "NOW()", "RAND ()", "STDDEV_POP(x)", "ROW_NUMBER() OVER (x)"]
)
def test_what_would_be_found(call):
    assert functions(f"SELECT {call} FROM t -- SUM(x)") - REDUCERS - SCALARS
