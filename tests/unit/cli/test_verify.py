"""The verdict of `polyglot verify` and its exit code: 0 only if something was compared, and all of it is equal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError

import batch.spark.session
import batch.verifying.engines
import batch.verifying.verify
import polyglot.cli.verify
from batch.ranges import Span
from batch.replaying.replay import Replayed
from batch.verifying.checks import Check
from batch.verifying.compare import Comparison, DayLine, unreadable
from batch.verifying.result import StoreError, Verified
from polyglot.cli import run
from runtime.console import Exit

DAY = DayLine("2024-08-08", 7, 7, "aa", "aa")
EQUAL = Comparison("normalized.trade.v1", [DAY])
EMPTY = Comparison("normalized.quote.v1")
LOST = Comparison("analytics.bar.v1", [DayLine("2024-08-08", 7, 6, "aa", "ab")], {"missing": 1})
#: Digests that differ, and no key that does: never equal.
UNEXPLAINED = Comparison("analytics.bar.v1", [DayLine("2024-08-08", 7, 7, "aa", "ab")])


@pytest.fixture(autouse=True)
def without_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def session(*_: Any, **__: Any) -> Iterator[None]:
        yield None

    monkeypatch.setattr(batch.spark.session, "spark_session", session)
    monkeypatch.setenv("POLYGLOT_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("POLYGLOT_CLICKHOUSE__PASSWORD", "none")


def verified(monkeypatch: pytest.MonkeyPatch, *comparisons: Comparison, holds: bool = True) -> None:
    found = Verified(Span(), None, Replayed(Path("out")), list(comparisons), [Check("dense", holds, {})])
    monkeypatch.setattr(batch.verifying.verify, "verify", lambda *_, **__: found)


@pytest.mark.parametrize(
    ("comparisons", "holds", "options", "code"),
    [
        ([EQUAL, EMPTY], True, [], 0),
        ([EQUAL, EMPTY], True, ["--fail-on-empty"], 1),
        ([EQUAL, LOST], True, [], 1),
        ([EQUAL, UNEXPLAINED], True, [], 1),
        ([EQUAL, unreadable("silver_trade", "no Parquet file")], True, [], 1),
        ([EQUAL], False, [], 1),
        ([EMPTY], True, [], 1),
        ([], True, [], 1),
    ],
)
def test_only_equal_stores_that_hold_something_end_with_0(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    comparisons: list[Comparison],
    holds: bool,
    options: list[str],
    code: int,
) -> None:
    verified(monkeypatch, *comparisons, holds=holds)
    assert run(["verify", "--versions", "current", *options]) == code
    report = json.loads((tmp_path / "report" / "verify.json").read_text())
    assert report["passed"] is (code == 0)


def test_a_store_that_does_not_answer_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise StoreError("silver_trade cannot be read")

    monkeypatch.setattr(batch.verifying.verify, "verify", fail)
    assert run(["verify", "--versions", "current"]) == Exit.UNAVAILABLE


class BrokenError(Py4JJavaError):  # type: ignore[misc]
    def __init__(self) -> None:
        pass

    def __str__(self) -> str:
        return "An error occurred.\n: SparkException: file:/lake/bronze_raw/a.parquet is not a Parquet file\n\tat"


def test_a_file_that_spark_cannot_read_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise BrokenError

    monkeypatch.setattr(batch.verifying.verify, "verify", fail)
    assert run(["verify", "--versions", "current"]) == Exit.FAILED
    assert "bronze_raw/a.parquet is not a Parquet file" in capsys.readouterr().err


def test_a_range_that_is_none_is_refused_before_anything_starts() -> None:
    assert run(["verify", "--from", "2024-08-09", "--to", "2024-08-08"]) == Exit.USAGE
    assert run(["verify", "--from", "2999-01-01"]) == Exit.USAGE
    assert run(["replay", "--from", "2999-01-01", "--engine", "flink"]) == Exit.USAGE
    assert run(["replay", "--source", "kafka"]) == Exit.USAGE


def test_what_is_new_has_no_range_of_its_own() -> None:
    for option in (["--from", "2024-08-08"], ["--entity", "sim:A"], ["--store", "gold"]):
        assert run(["verify", "--since", "last", *option]) == Exit.USAGE


@pytest.mark.parametrize(
    ("by_spark", "by_flink", "parity", "code"),
    [
        (EQUAL, EQUAL, EQUAL, 0),
        (LOST, EQUAL, EQUAL, 1),
        (EQUAL, LOST, EQUAL, 1),
        (EQUAL, EQUAL, LOST, 1),
        (EQUAL, EQUAL, UNEXPLAINED, 1),
    ],
)
def test_both_engines_pass_only_with_equal_stores_and_equal_replays(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    by_spark: Comparison,
    by_flink: Comparison,
    parity: Comparison,
    code: int,
) -> None:
    of_flink = Replayed(Path("flink"))

    def compared(*_: Any, replayed: Replayed | None, **__: Any) -> Verified:
        return Verified(Span(), None, replayed or Replayed(Path("spark")), [by_flink if replayed else by_spark])

    monkeypatch.setattr(batch.verifying.verify, "verify", compared)
    monkeypatch.setattr(polyglot.cli.verify, "recompute", lambda *_, **__: of_flink)
    outs = []
    monkeypatch.setattr(
        batch.verifying.engines, "compare_replays", lambda _spark, *of, **__: outs.append(of[:2]) or [parity]
    )
    assert run(["verify", "--engine", "both", "--versions", "current"]) == code
    assert outs == [(Path("spark"), Path("flink"))]
    report = json.loads((tmp_path / "report" / "verify.json").read_text())
    assert report["passed"] is (code == 0) is (report["differences"] == 0)
    assert [one["table"] for one in report["engines"]] == [parity.table]
