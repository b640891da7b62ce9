"""The table environment every job starts from, and how a job is handed over to the cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from polyglot.config import Settings, settings

_FLUSH = "execution.buffer-timeout.interval"
#: Options of all jobs. Latencies matter more than the last percent of throughput: buffers are flushed after 5 ms, and a
#: Python bundle is one element because an element already is a micro-batch (design, "micro-batched keyed Python").
DEFAULTS = {
    "table.local-time-zone": "UTC",
    _FLUSH: "5 ms",
    "pipeline.object-reuse": "true",
    # State is found again by these ids. Without them they are hashes of how operators are chained, and that depends on
    # the parallelism: no rescaling from a savepoint.
    "table.exec.uid.generation": "ALWAYS",
    "python.fn-execution.bundle.size": "8",
    "python.fn-execution.bundle.time": "10",
    # Folds read their state once and keep it (shards.py); PyFlink's cache would hold all that they append once more.
    "python.state.cache-size": "1",
    "execution.checkpointing.mode": "EXACTLY_ONCE",
    "execution.checkpointing.min-pause": "1 s",
    "execution.checkpointing.timeout": "10 min",
    "execution.checkpointing.tolerable-failed-checkpoints": "20",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
}


@dataclass(frozen=True)
class Job:
    """A job under construction: its environments, its settings and the INSERTs added so far."""

    name: str
    stream: StreamExecutionEnvironment
    table: StreamTableEnvironment
    settings: Settings

    def view(self, name: str, query: str) -> None:
        """Register ``query`` under ``name``."""
        self.table.create_temporary_view(name, self.table.sql_query(query))

    def ddl(self, statements: Sequence[str]) -> None:
        """Execute CREATE statements."""
        for statement in statements:
            self.table.execute_sql(statement)

    def submit(self, inserts: Sequence[str]) -> None:
        """Run all INSERT statements as one detached job on the cluster."""
        statements = self.table.create_statement_set()
        for insert in inserts:
            statements.add_insert_sql(insert)
        result = statements.execute()
        client = result.get_job_client()
        print(f"submitted {self.name} as job {client.get_job_id() if client else 'unknown'}")  # noqa: T201 - read by `polyglot submit`


def start(name: str, options: dict[str, str] | None = None) -> Job:
    """Return a new job called ``name``; ``options`` are Flink options on top of the defaults.

    The interval at which buffers are flushed is multiplied by the configuration's ``latency_factor``.
    """
    config = settings()
    stream = StreamExecutionEnvironment.get_execution_environment()
    stream.set_parallelism(config.flink.parallelism)
    table = StreamTableEnvironment.create(stream)
    merged = {
        **DEFAULTS,
        "pipeline.name": name,
        "python.executable": sys.executable,
        "execution.checkpointing.interval": f"{round(config.flink.checkpoint_interval_s * 1000)} ms",
        **(options or {}),
    }
    merged[_FLUSH] = f"{config.flink.patience_ms(int(merged[_FLUSH].removesuffix(' ms')))} ms"
    for key, value in merged.items():
        table.get_config().set(key, value)
    return Job(name, stream, table, config)
