"""The environment that every job starts from, and how a job is handed over to the cluster."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment

from runtime.config import ROOT, Settings, settings

#: Options of all jobs. What goes from task to task is a block of records, so each is sent at once: threads that flush
#: buffers by the clock would cost more, whether or not there is anything in them. A Python bundle is a few elements for
#: the same reason.
DEFAULTS = {
    "execution.buffer-timeout.interval": "0 ms",
    "pipeline.object-reuse": "true",
    # State is found again by operators' uids. Generated ones are hashes of how operators are chained, and that depends
    # on the parallelism: no rescaling from a savepoint.
    "pipeline.auto-generate-uids": "false",
    # How many key groups there are is part of every key of a shard, and of every savepoint (connectors/blocks).
    "pipeline.max-parallelism": "128",
    "python.fn-execution.bundle.size": "8",
    "python.fn-execution.bundle.time": "10",
    # Folds read their state once and keep it (operators/fold.py); PyFlink's cache would hold it once more.
    "python.state.cache-size": "1",
    "execution.checkpointing.mode": "EXACTLY_ONCE",
    "execution.checkpointing.min-pause": "1 s",
    "execution.checkpointing.timeout": "10 min",
    "execution.checkpointing.tolerable-failed-checkpoints": "20",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
}

#: Checkpoint or savepoint that the next job starts from; set by `flink_jobs.together`.
origin = ""


@dataclass(frozen=True)
class Job:
    """A job under construction: environment, settings, and whether its Python runs in a process or a thread."""

    name: str
    stream: StreamExecutionEnvironment
    settings: Settings
    python_mode: str

    def submit(self) -> None:
        """Run what was built as one detached job on the cluster."""
        client = self.stream.execute_async(self.name)
        print(f"submitted {self.name} as job {client.get_job_id()}")  # noqa: T201 - read by `polyglot submit`


def python_options(config: Settings) -> dict[str, str]:
    """Return the options by which a job's kernels run where ``flink.python_mode`` says.

    In thread mode they run inside of the TaskManager. Its interpreter does not look into a virtual environment's path
    files, so it is told where our packages are, and those that they need.
    """
    mode = config.flink.python_mode
    if mode == "process":
        return {"python.execution-mode": mode}
    path = os.pathsep.join([str(ROOT), sysconfig.get_paths()["purelib"]])
    return {"python.execution-mode": mode, "python.pythonpath": path}


def start(name: str, options: dict[str, str] | None = None) -> Job:
    """Return a new job called ``name``; ``options`` are Flink options on top of the defaults."""
    config = settings()
    name += config.flink.suffix
    merged = {
        **DEFAULTS,
        **python_options(config),
        "pipeline.name": name,
        "parallelism.default": str(config.flink.parallelism),
        "python.executable": sys.executable,
        "execution.checkpointing.interval": f"{round(config.flink.checkpoint_interval_s * 1000)} ms",
        **({"execution.state-recovery.path": origin} if origin else {}),
        **(options or {}),
    }
    given = Configuration()
    for key, value in merged.items():
        given.set_string(key, value)
    stream = StreamExecutionEnvironment.get_execution_environment(given)
    return Job(name, stream, config, merged["python.execution-mode"])
