"""Errors in ClickHouse's form: code, text, status."""

from __future__ import annotations

import pytest

from devstack.gateway import errors
from devstack.gateway.errors import ClickHouseError, article

from .conftest import EngineError


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        (
            "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)",
            60,
            "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)",
        ),
        ("Streaming query failed: Code: 395. DB::Exception: x", 395, "Code: 395. DB::Exception: x"),
        ("a\nb: Code: 395. DB::Exception: x\n", 395, "Code: 395. DB::Exception: x"),
        ("Code: 164. DB::Exception: Code: 164. DB::Exception: y", 164, "Code: 164. DB::Exception: y"),
        (
            "Code: 1. DB::Exception: x: Code: 2. DB::Exception: y",
            1,
            "Code: 1. DB::Exception: x: Code: 2. DB::Exception: y",
        ),
        ("Code: 27. DB::Exception: Cannot parse 'Code: 9. '", 27, "Code: 27. DB::Exception: Cannot parse 'Code: 9. '"),
        ("gone", 1002, "Code: 1002. DB::Exception: gone (UNKNOWN_EXCEPTION)"),
        ("", 1002, "Code: 1002. DB::Exception:  (UNKNOWN_EXCEPTION)"),
    ],
)
def test_engine_errors_lose_their_wrappers(raised, code, text):
    error = ClickHouseError.from_engine(RuntimeError(raised))
    assert (error.code, str(error)) == (code, text)


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("SELECT * FROM nosuchtable", 60, "UNKNOWN_TABLE"),
        ("SELECT nosuchcolumn", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT (", 62, "SYNTAX_ERROR"),
        ("SELECT toUInt8('x')", 6, "CANNOT_PARSE_TEXT"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SET max_threads = 'x'", 27, ""),
    ],
)
def test_the_engines_own_errors(engine, sql, code, name):
    with pytest.raises(EngineError) as raised:
        engine.run(sql)
    error = ClickHouseError.from_engine(raised.value)
    assert error.code == code
    assert str(error).startswith(f"Code: {code}. DB::Exception: ")
    assert str(error).count("Code: ") == 1
    assert name in str(error)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (516, 403), (497, 403), (36, 400), (62, 400), (117, 400), (60, 404), (47, 404), (81, 404), (48, 501),
        (202, 503), (210, 503), (229, 413), (290, 413), (159, 408), (241, 500), (164, 500), (373, 500), (394, 500),
        (1002, 500), (99999, 500),
    ],
)  # fmt: skip
def test_statuses_are_those_of_the_real_server(code, status):
    assert ClickHouseError(code, "x").status == status


def test_every_code_of_ours_has_its_name():
    ours = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    assert len(ours) > 15
    for code in ours - {errors.UNKNOWN_EXCEPTION}:
        text = str(ClickHouseError(code, "x"))
        assert text.startswith(f"Code: {code}. DB::Exception: x (")
        assert "UNKNOWN_EXCEPTION" not in text


def test_articles():
    assert [article(role) for role in ("reader", "writer", "admin")] == ["a reader", "a writer", "an admin"]
