"""The floor: Kafka → Kafka, bytes as they are, no Python. What the machine and the two clients cost alone."""

from __future__ import annotations

from pyflink.table import StreamTableEnvironment

from flink_jobs.environment import start
from flink_jobs.io.topics import SHARDS, consumer, producer
from schemas.domains import domains

#: The topic that the floor writes; created by the benchmark.
TOPIC = "benchmark.floor"
_TIME = "`timestamp` TIMESTAMP_LTZ(3) METADATA"


def main() -> None:
    """Submit the job."""
    job = start("floor", {"pipeline.auto-generate-uids": "true", "table.exec.uid.generation": "ALWAYS"})
    raw = [topic for topic in domains().raw_topics(normalized_only=True) if topic.startswith("raw.sim.")]
    source = {"topic": ";".join(raw), "scan.startup.mode": "earliest-offset", "format": "raw"}
    source |= _properties({**consumer(job.settings, SHARDS), "group.id": "polyglot-floor"})
    sink = {"topic": TOPIC, "key.format": "raw", "key.fields": "k", "value.format": "raw"}
    sink |= {"value.fields-include": "EXCEPT_KEY", **_properties(producer(job.settings))}
    # No job has tables; here they spare a function in Java, and their planner is no part of what is measured.
    table = StreamTableEnvironment.create(job.stream)
    for statement in (
        f"CREATE TEMPORARY TABLE raw_log (`topic` STRING METADATA VIRTUAL, {_TIME}, v BYTES) WITH ({_options(source)})",
        f"CREATE TEMPORARY TABLE copy ({_TIME}, k BYTES, v BYTES) WITH ({_options(sink)})",
    ):
        table.execute_sql(statement)
    statements = table.create_statement_set()
    statements.add_insert_sql("INSERT INTO copy SELECT `timestamp`, CAST(`topic` AS BYTES), v FROM raw_log")
    statements.attach_as_datastream()
    job.submit()


def _properties(found: dict[str, str]) -> dict[str, str]:
    return {f"properties.{name}": value for name, value in found.items()}


def _options(found: dict[str, str]) -> str:
    return ", ".join(f"'{name}' = '{value}'" for name, value in {"connector": "kafka", **found}.items())


if __name__ == "__main__":
    main()
