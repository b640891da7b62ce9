"""The environment that every job starts from, and how a job is handed over to the cluster."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass, field

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway

from runtime.config import ROOT, Settings, settings
from runtime.readers.releases import schedule
from runtime.replay_order import ReplayOrder
from schemas.versions import PARAMETER, pack

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

#: A run that has an end must not try for ever what cannot work: somebody waits for it. A TaskManager that dies costs
#: one of these attempts, however long the next one takes to come.
BOUNDED = {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "5",
    "restart-strategy.fixed-delay.delay": "2 s",
}

#: Option that says from which checkpoint or savepoint a job starts.
ORIGIN = "execution.state-recovery.path"


@dataclass(frozen=True)
class Order:
    """What a client asks of the next job that is built.

    ``parallelism`` is 0 for what the settings say. ``former`` are the ids of the job's runs before this one: the lake
    takes back what they committed behind the checkpoint that this one starts from.
    """

    parallelism: int = 0
    former: tuple[str, ...] = ()


#: Set by `flink_jobs.together`, as is `held`: jobs that are built and wait to be submitted; None: nobody waits.
order = Order()
held: list[Job] | None = None


@dataclass(frozen=True)
class Job:
    """A job under construction: environment, settings, and whether its Python runs in a process or a thread.

    ``states`` has, by uid, which versions of a fold's state it restores; the last one is the version that it writes.
    ``replay`` is what a bounded replay asks of it.
    """

    name: str
    stream: StreamExecutionEnvironment
    settings: Settings
    python_mode: str
    former: tuple[str, ...] = ()
    states: dict[str, tuple[int, ...]] = field(default_factory=dict)
    replay: ReplayOrder | None = None

    @property
    def origin(self) -> str:
        """Return the checkpoint or savepoint that Flink was told to start this from; empty if there is none."""
        options = self.stream._j_stream_execution_environment.getConfiguration()  # noqa: SLF001
        # Who deploys it may still use an older name of the option.
        restored = get_gateway().jvm.org.apache.flink.runtime.jobgraph.SavepointRestoreSettings
        return str(restored.fromConfiguration(options).getRestorePath() or "")

    def submit(self) -> None:
        """Run what was built, or hold it until the client says so.

        Where there is no client of ours the job asks itself which versions hold.
        """
        if held is None:
            self.run(versions=schedule(self.settings).text())
        else:
            held.append(self)

    def run(self, origin: str = "", versions: str = "") -> None:
        """Run what was built as one detached job on the cluster, from a checkpoint or savepoint if there is one.

        ``versions`` says which versions of behaviour hold where (`schemas.versions.Schedule.text`).
        """
        if versions:
            self.stream.get_config().set_global_job_parameters({PARAMETER: pack(versions)})
        if origin:
            given = Configuration()
            given.set_string(ORIGIN, origin)
            self.stream.configure(given)
        client = self.stream.execute_async(self.name)
        print(f"submitted {self.name} as job {client.get_job_id()}")  # noqa: T201 - for who reads the client's output


def python_options(config: Settings) -> dict[str, str]:
    """Return the options by which a job's kernels run where ``flink.python_mode`` says, with the code of this client.

    In thread mode they run inside of the TaskManager. Its interpreter does not look into a virtual environment's path
    files, so it is told where the packages are that ours need, too.
    """
    mode = config.flink.python_mode
    path = os.pathsep.join([str(ROOT), sysconfig.get_paths()["purelib"]])
    return {"python.execution-mode": mode, "python.pythonpath": path}


def start(name: str, options: dict[str, str] | None = None) -> Job:
    """Return a new job called ``name``; ``options`` are Flink options on top of the defaults."""
    config = settings()
    name += config.flink.suffix
    merged = {
        **DEFAULTS,
        **(BOUNDED if config.flink.bounded or config.flink.replay else {}),
        **python_options(config),
        "pipeline.name": name,
        "parallelism.default": str(order.parallelism or config.flink.parallelism),
        "python.executable": sys.executable,
        "execution.checkpointing.interval": f"{round(config.flink.checkpoint_interval_s * 1000)} ms",
        **(options or {}),
    }
    given = Configuration()
    for key, value in merged.items():
        given.set_string(key, value)
    stream = StreamExecutionEnvironment.get_execution_environment(given)
    replay = ReplayOrder.load(config.flink.replay) if config.flink.replay else None
    return Job(name, stream, config, merged["python.execution-mode"], order.former, replay=replay)
