"""A stack on its own ports and in its own folder, started and stopped by the command line as a user would."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from runtime.config import Settings
from runtime.layout import Layout
from runtime.ports import free_ports
from runtime.stack_state import read_state
from support import evidence
from support.patience import patient


class Stack:
    """A stack in a temporary folder; `run` runs the command line on it.

    Attributes:
        rules: the file of its quality rules: its own one if it was given a text, so that a test may write another.
        code: the folder of the code that `run` runs; None: this checkout.
    """

    def __init__(self, folder: Path, memory_mb: int = 2304, slots: int = 4, rules: str | None = None) -> None:
        self._watch = evidence.Watch()
        kafka, flink, clickhouse, redis, metrics = free_ports(5, run=4)
        taken = [first + more for first in (kafka, flink, clickhouse, redis, metrics) for more in range(4)]
        (s3,) = free_ports(1, run=11, avoid=taken)
        self.settings = Settings(
            var_dir=folder / "var",
            kafka={"bootstrap_servers": f"127.0.0.1:{kafka}"},
            flink={"rest_port": flink, "taskmanager_memory_mb": memory_mb, "taskmanager_slots": slots},
            clickhouse={"port": clickhouse},
            redis={"port": redis},
            s3={"port": s3},
            metrics={"port": metrics, "refresh_s": 0},
        )
        self.layout = Layout.at(self.settings.var_dir)
        self.ports = [kafka, kafka + 1, flink, flink + 1, flink + 2, flink + 3, clickhouse, redis]
        self.env = {
            **os.environ,
            "POLYGLOT_VAR_DIR": str(self.settings.var_dir),
            "POLYGLOT_KAFKA__BOOTSTRAP_SERVERS": self.settings.kafka.bootstrap_servers,
            "POLYGLOT_FLINK__REST_PORT": str(flink),
            "POLYGLOT_FLINK__TASKMANAGER_MEMORY_MB": str(memory_mb),
            "POLYGLOT_FLINK__TASKMANAGER_SLOTS": str(slots),
            "POLYGLOT_CLICKHOUSE__PORT": str(clickhouse),
            "POLYGLOT_REDIS__PORT": str(redis),
            "POLYGLOT_S3__PORT": str(s3),
            "POLYGLOT_METRICS__PORT": str(metrics),
            "POLYGLOT_METRICS__REFRESH_S": "0",
        }
        self.code: Path | None = None
        self.rules = self.settings.quality_file
        if rules is not None:
            self.rules = folder / "quality.toml"
            self.rules.write_text(rules)
            self.settings = self.settings.model_copy(update={"quality_file": self.rules})
            self.env["POLYGLOT_QUALITY_FILE"] = str(self.rules)

    def run(self, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "polyglot.cli", *arguments],
            cwd=self.code, env=self.env, capture_output=True, text=True, timeout=patient(timeout), check=False,
        )  # fmt: skip

    def json(self, *arguments: str, expect: int = 0, timeout: float = 900) -> dict:
        done = self.run(*arguments, "--json", timeout=timeout)
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def of_commands(self) -> Settings:
        """Return the settings as a command of this stack has them: where its lake is, shows only when it is up."""
        return Settings(var_dir=self.settings.var_dir, s3={"port": self.settings.s3.port})

    def pid(self, name: str) -> int:
        state = read_state(self.layout)
        assert state and state.components[name].pid, f"{name} is not running"
        return state.components[name].pid

    def running(self) -> list[psutil.Process]:
        """Return every process on this machine whose command line or environment names this stack's folder."""
        needle = str(self.settings.var_dir)
        found = []
        for process in psutil.process_iter():
            try:
                text = " ".join([*process.cmdline(), *process.environ().values()])
                if needle in text and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def close(self) -> None:
        """Stop everything, by pid, whatever state it is in; keep the logs if a test failed meanwhile."""
        if test := self._watch.failed():
            self.run("down")
            evidence.keep([self.layout.logs, self.layout.var / "report"], test)
        self.run("down", "--wipe")
        for process in self.running():  # only if `down` is broken, and then a test has said so
            process.kill()


@contextmanager
def started(folder: Path, rules: str | None = None, **variables: str) -> Iterator[Stack]:
    """A fresh stack on which all jobs run, under a text of quality rules and further variables; stopped at the end."""
    one = Stack(folder, memory_mb=2560, slots=8, rules=rules)
    one.env |= variables
    try:
        one.json("up")
        one.json("submit")
        yield one
    finally:
        one.close()
