"""A job as a cluster of its own, beside a stack: started by the calls that `polyglot render` prints."""

from __future__ import annotations

import subprocess
import time

from operations.upgrade.render import standalone
from runtime.flink_home import environment, write_home
from runtime.flink_rest import FlinkRest
from runtime.ports import free_ports
from support.patience import patient, wait_for
from support.stack import Stack


class Application:
    """A JobManager that runs one job, and a TaskManager; topics and tables are the stack's."""

    def __init__(self, stack: Stack, job: str) -> None:
        self.job = job
        (rest,) = free_ports(1, run=4, avoid=stack.ports)
        settings = stack.settings
        flink = settings.flink.model_copy(update={"rest_port": rest, "taskmanager_slots": 2})
        folder = settings.var_dir / "application"  # what is left there is found by the stack's folder
        self.settings = settings.model_copy(update={"var_dir": folder, "flink": flink})
        write_home(self.settings)
        log = stack.layout.logs / "application"  # kept with the stack's, if a test fails
        log.mkdir()  # Flink's scripts write there, and do not make it
        self._env = {
            **environment(self.settings),
            **{name: value for name, value in stack.env.items() if name.startswith("POLYGLOT_")},
            "FLINK_LOG_DIR": str(log),
            "POLYGLOT_LOG": str(log / "flink.log"),
            "POLYGLOT_VAR_DIR": str(folder),
            "POLYGLOT_FLINK__REST_PORT": str(rest),
            "POLYGLOT_LAKE__URI": settings.lake_uri,
        }

    def start(self, savepoint: str = "") -> None:
        """Start the cluster, and wait until all tasks of its job run."""
        for line in standalone(self.settings, self.job, savepoint=savepoint):
            self._call(line)
        with FlinkRest(self.settings.flink.url) as rest:
            wait_for(lambda: (job := rest.job(self.job)) and job.running, 180, f"{self.job} does not run")

    def stop(self) -> str:
        """Stop the job with a savepoint, and the cluster; return the savepoint's URI."""
        folder = (self.settings.var_dir / "savepoints").resolve().as_uri()
        with FlinkRest(self.settings.flink.url) as rest:
            job = rest.job(self.job)
            assert job
            saved = rest.saved(job.id, rest.save(job.id, folder, stop=True), time.monotonic() + patient(120))
        self.end()
        return saved

    def end(self) -> None:
        """Stop whatever of the cluster runs."""
        self._call("$FLINK_HOME/bin/taskmanager.sh stop")
        self._call("$FLINK_HOME/bin/standalone-job.sh stop")

    def _call(self, line: str) -> None:
        subprocess.run(["bash", "-c", line], env=self._env, check=True, timeout=patient(120))
