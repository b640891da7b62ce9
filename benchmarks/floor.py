"""The floor: Kafka → Kafka, bytes as they are, no Python. What the machine and the two clients cost alone."""

from __future__ import annotations

from flink_jobs import tables
from flink_jobs.runtime import start
from schemas.domains import domains

#: The topic that the floor writes; created by the benchmark.
TOPIC = "benchmark.floor"


def main() -> None:
    """Submit the job."""
    job = start("floor")
    raw = [topic for topic in domains().raw_topics(normalized_only=True) if topic.startswith("raw.sim.")]
    job.ddl([
        tables.wire_source("raw_log", job.settings, raw, "polyglot-floor"),
        tables.wire_sink("copy", job.settings, [TOPIC]),
    ])  # fmt: skip
    job.submit(["INSERT INTO copy SELECT `timestamp`, CAST(`topic` AS BYTES), `value` FROM raw_log"])


if __name__ == "__main__":
    main()
