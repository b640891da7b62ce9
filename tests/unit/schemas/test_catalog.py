"""Whatever must restate the catalog says the same: ClickHouse's migrations, the lake's schemas, the jobs' stages."""

from __future__ import annotations

import re

import pytest

from operations.jobs import STAGES
from runtime.config import ROOT
from schemas import catalog
from schemas.contracts import contract
from schemas.domains import domains
from udfs.lake import bronze, silver
from udfs.windows.definition import DEFINITIONS

MIGRATIONS = "\n".join(path.read_text() for path in sorted((ROOT / "sql" / "clickhouse").glob("*.sql")))
HISTORIES = {**catalog.CLICKHOUSE, **catalog.CLICKHOUSE_HISTORY}


def created(table: str) -> str:
    """Return the statement that creates a ClickHouse table."""
    (found,) = re.findall(rf"CREATE TABLE (?:IF NOT EXISTS )?{table}\b[^;]*;", MIGRATIONS)
    return found


@pytest.mark.parametrize("kind", catalog.CLICKHOUSE)
def test_clickhouse_sorts_by_the_key(kind: str) -> None:
    found = re.search(r"ORDER BY \(([^)]*)\)", created(HISTORIES[kind]))
    assert found
    order = [part.strip() for part in found[1].split(",")]
    # The date of a bar follows from its start: it stands in the key so that a day is read without the others.
    rest = [name for name in order if name not in ("event_date", "version")]
    assert sorted(rest) == sorted(catalog.key(kind))


@pytest.mark.parametrize("kind", catalog.CLICKHOUSE)
def test_clickhouse_has_the_contract_s_columns_in_its_order(kind: str) -> None:
    columns = re.findall(r"^    (\w+) +[A-Z]", created(HISTORIES[kind]), re.MULTILINE)
    grown = rf"ALTER TABLE {HISTORIES[kind]} ADD COLUMN (?:IF NOT EXISTS )?(\w+) [^;]* AFTER (\w+);"
    for added, before in re.findall(grown, MIGRATIONS):
        columns.insert(columns.index(before) + 1, added)
    assert [name for name in columns if name not in ("event_date", "inserted_at")] == catalog.columns(kind)


def test_bronze_holds_the_envelope_and_where_it_lay() -> None:
    partition = domains().tables[catalog.BRONZE].partition
    assert bronze.SCHEMA.names == [*catalog.columns("raw_envelope"), partition, *catalog.LOG]


@pytest.mark.parametrize("kind", catalog.NORMALIZED)
def test_silver_holds_the_contract_s_columns(kind: str) -> None:
    assert silver.layout(kind).schema.names == catalog.columns(kind)
    assert domains().tables[catalog.lake_table(kind)].partition == silver.PARTITION


@pytest.mark.parametrize("kind", catalog.BARS)
def test_a_definition_of_windows_has_the_catalog_s_topics_and_lengths(kind: str) -> None:
    found = DEFINITIONS[kind]
    assert found.topic == catalog.topic(kind)
    assert set(found.lengths) <= set(catalog.INTERVALS.values())
    group = f"polyglot-analytics-{found.kind}"
    (reads,) = {stage.reads for stages in STAGES for stage in stages if stage.group == group}
    assert reads == found.topics


def test_every_kind_has_a_contract_and_a_key() -> None:
    kinds = (*catalog.NORMALIZED, *catalog.BARS, *catalog.REVISIONS, *catalog.FACTS, *catalog.ADJUSTED)
    for kind in kinds:
        fields = {field["name"] for field in contract(kind).schema["fields"]}
        assert set(catalog.key(kind)) <= fields, kind
        assert catalog.topic(kind) in domains().topics
    for kind, day in catalog.DATED_BY.items():
        assert day in catalog.columns(kind)


def test_a_kind_without_a_topic_of_its_own_is_refused() -> None:
    for kind in ("raw_envelope", "dead_letter", "nothing"):
        with pytest.raises(KeyError):
            catalog.topic(kind)
    with pytest.raises(KeyError):
        catalog.dead_letters("analytics")
    assert catalog.dead_letters("ingestion") == "deadletter.ingestion.v1"


def test_windows_divide_a_day() -> None:
    assert all(catalog.DAY % length == 0 for length in catalog.INTERVALS.values())
