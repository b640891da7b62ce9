"""Where the local stack keeps its files: everything under ``var_dir``, nothing elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime import accounts


@dataclass(frozen=True)
class Layout:
    """Folders under one ``var_dir`` (absolute)."""

    var: Path

    @classmethod
    def at(cls, var_dir: Path) -> Layout:
        return cls(var_dir.resolve())

    @property
    def stack(self) -> Path:
        """State and pids of the running processes."""
        return self.var / "stack"

    @property
    def state(self) -> Path:
        return self.stack / "state.json"

    @property
    def lock(self) -> Path:
        """Held by `up` and `down`, so that two of them never work against each other."""
        return self.stack / "lock"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def kafka(self) -> Path:
        return self.var / "kafka"

    @property
    def flink(self) -> Path:
        return self.var / "flink"

    @property
    def hadoop(self) -> Path:
        """What Hadoop must know of S3, keys included; only its owner may enter."""
        return self.var / "hadoop"

    @property
    def s3(self) -> Path:
        return self.var / "s3"

    @property
    def clickhouse(self) -> Path:
        return self.var / "clickhouse"

    @property
    def secrets(self) -> Path:
        """Passwords that `up` made; only their owner may enter."""
        return self.accounts.parent

    @property
    def accounts(self) -> Path:
        """Who may use the ClickHouse gateway."""
        return accounts.place(self.var)

    @property
    def redis(self) -> Path:
        return self.var / "redis"

    @property
    def checkpoints(self) -> Path:
        return self.flink / "checkpoints"

    @property
    def savepoints(self) -> Path:
        return self.flink / "savepoints"

    def pid_file(self, name: str) -> Path:
        return self.stack / f"{name}.pid"

    def output(self, name: str) -> Path:
        """Return where the process's own stdout and stderr go."""
        return self.logs / f"{name}.out"

    def log(self, name: str) -> Path:
        """Return the log that the service rotates itself."""
        return self.logs / f"{name}.log"
