"""What must hold of all scenarios together: stream equals replay, and strangers' readers find what ours do."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pytest
from hudi import HudiTableBuilder
from support import drivers
from support.pages import python_blocks
from support.registry import FakeRegistry, served

from devstack.demo.reconciliation import reconcile
from runtime.offsets import OffsetReader
from schemas.contracts import all_contracts
from schemas.domains import domains

pytestmark = pytest.mark.timeout(1800)


def test_the_stream_is_its_replay(outcome):
    samples = {one["table"]: one["samples"] for one in outcome.verified["tables"] if one["differences"]}
    broken = [check for check in outcome.verified["checks"] if not check["holds"]]
    assert (samples, broken, outcome.verified["differences"]) == ({}, [], 0)
    assert outcome.passed
    found = {one["table"]: one["found"] for one in outcome.verified["tables"]}
    for kind in ("trade", "quote"):
        assert found[f"silver_{kind}"] == found[f"normalized.{kind}.v1"] == len(outcome.events(kind)) > 0


def test_everything_is_accounted_for(outcome):
    figures = reconcile(outcome.stack.settings, outcome.verified)
    assert all(figures["balance"].values()), figures


def test_the_stack_at_work_fits_its_memory_budget(outcome):
    components = outcome.stack.json("status")["components"]
    assert {one["health"] for one in components} == {"healthy"}
    assert sum(one["memory"] for one in components) < 6 * 1024**3, components


def _as_hudi_rs_reads(outcome, table):
    uri = f"{outcome.stack.settings.lake_uri}/{table}"
    rows = pa.Table.from_batches(HudiTableBuilder.from_base_uri(uri).build().read())
    return rows.drop_columns([name for name in rows.column_names if name.startswith("_hoodie")])


def test_hudi_rs_reads_the_lake_as_clickhouse_has_it(outcome):
    """Nobody here wrote this reader: of merge-on-read tables it must find the latest version of each bar, once."""
    found = {one["table"]: one["found"] for one in outcome.verified["tables"]}
    for table in ("bronze_raw", "silver_trade", "silver_quote"):
        rows = _as_hudi_rs_reads(outcome, table)
        assert rows.num_rows == len(set(rows["event_id"].to_pylist())) == found[table]
    for table, name in (("gold_bar", "bars_latest"), ("gold_quote_bar", "quote_bars_latest")):
        gold = _as_hudi_rs_reads(outcome, table).drop_columns(["bar_key", "event_date"])
        columns = ", ".join(
            f"toUnixTimestamp64Micro({column})" if column in {"window_start", "window_end"} else f"toString(`{column}`)"
            for column in gold.column_names
        )
        asked = outcome.ask(f"select {columns} from {name}")
        assert sorted(_texts(asked)) == sorted(_texts(zip(*gold.to_pydict().values(), strict=True))), table


def test_duckdb_and_polars_read_what_a_page_says(outcome, tmp_path):
    """The lake has been maintained meanwhile, so there are files that count no more."""
    blocks = [block for block in python_blocks("howto/read-the-lake.md") if "spark" not in block]
    assert len(blocks) == 4
    figures = {
        "gold_bar": "bars.num_rows",
        "silver_trade": "sum(row[2] for row in volumes.fetchall())",
        "silver_quote": 'int(spreads["quotes"].sum())',
    }
    told = ", ".join(f'"{name}": {code}' for name, code in figures.items())
    program = tmp_path / "page.py"
    code = "\n".join([*blocks, "import json", f"print(json.dumps({{{told}}}))"])
    program.write_text(code.replace("file:///path/to/lake", outcome.stack.settings.lake_uri))
    read = drivers.smoke([drivers.python("lake", drivers.SOURCES / "lake" / "requirements.lock"), program], 300)
    assert read == {one["table"]: one["found"] for one in outcome.verified["tables"] if one["table"] in figures}


def test_confluents_client_reads_the_topics_and_writes_the_same_bytes(outcome):
    topics = [f"normalized.{kind}.v1" for kind in ("trade", "quote")]
    topics += ["raw.binance_usdm.trade.v1", "raw.kraken.spread.v1", "analytics.bar.v1", "analytics.quote_bar.v1"]
    offsets = OffsetReader(outcome.stack.settings)
    topics = [topic for topic in topics if any(offsets.ends([topic]).values())]  # with -k some are empty
    fake = FakeRegistry()
    fake.ids.update({one.id: one.schema for one in all_contracts()})
    for topic in topics:
        name = domains().topics[topic].contract
        fake.subjects[f"{topic}-value"] = {one.version: one.id for one in all_contracts() if one.name == name}
    python = drivers.python("avro", drivers.SOURCES / "avro" / "requirements.lock")
    with served(fake) as registry:
        program = drivers.SOURCES / "avro" / "smoke.py"
        broker = outcome.stack.settings.kafka.bootstrap_servers
        found = drivers.smoke([python, program, broker, registry, *topics], 300)
    assert found.keys() == set(topics)
    assert all(found.values()), found


def _texts(rows):
    """Return rows with every number as the shortest text of its value."""
    return [tuple(_text(value) for value in row) for row in rows]


def _text(value):
    try:
        return format(Decimal(value).normalize(), "f")
    except (InvalidOperation, TypeError, ValueError):
        return str(value)
