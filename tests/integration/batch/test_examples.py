"""The examples that stand on Spark, and those in the docstrings of the public API, on a small lake."""

from __future__ import annotations

import doctest
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support.pages import python_blocks

import batch
import batch.api
from examples.break_a_definition import broken, proof, show
from examples.small_lake import write
from runtime.config import ROOT, Settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

FRAMES = 500


@pytest.fixture(scope="module")
def installation(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return write(spark, tmp_path_factory.mktemp("installation"), frames=FRAMES)


@pytest.mark.parametrize("name", ["replay", "verify"])
def test_the_api_does_what_its_examples_say(spark: SparkSession, installation: Settings, name: str) -> None:
    known = {name: getattr(batch, name), "installation": installation, "session": spark}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(batch, name), name, globs=known)
    assert example.examples
    said: list[str] = []
    assert doctest.DocTestRunner().run(example, out=said.append).failed == 0, "".join(said)


def test_a_store_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no store silber"):
        batch.verify(stores=["silber"])


def test_a_broken_definition_is_named_by_its_fields(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = proof(spark, tmp_path, broken())
    assert not result.passed()
    assert {table for table, _ in result.first_differences} == {"gold_bar"}
    assert {name for _, one in result.first_differences for name in one.fields} == {"buy_volume", "buy_notional"}
    show(result)
    assert "gold_bar.buy_volume: " in capsys.readouterr().out


def test_the_notebook_finds_the_difference(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def shared(*_: Any, **__: Any) -> Iterator[SparkSession]:
        yield spark

    monkeypatch.setattr(batch.api, "open_session", shared)
    document = json.loads((ROOT / "examples" / "find_a_difference.ipynb").read_text())
    known: dict[str, Any] = {}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), known)  # noqa: S102 - our own notebook
    assert (known["before"].passed(), known["before"].differences) == (True, 0)
    assert known["after"].differences == 1
    ((table, one),) = known["after"].first_differences
    assert (table, one.key, set(one.fields)) == ("silver_trade", known["key"], {"price"})
    assert one.fields["price"][1] == "1.500000000000"


def test_spark_reads_the_lake_as_a_page_says(spark: SparkSession, installation: Settings) -> None:
    (block,) = (one for one in python_blocks("howto/read-the-lake.md") if "spark" in one)
    known: dict[str, Any] = {"spark": spark, "LAKE": installation.lake_uri}
    exec(block, known)  # noqa: S102 - our own page
    rows = known["latest"].collect()
    assert rows
    assert {row["interval"] for row in rows} == {"1m"}
