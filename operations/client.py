"""A client of the cluster: it builds jobs, says what their state is, and submits them when it is told to.

One that waits costs nothing, so an upgrade starts it before it stops anything, and the job's pause is short. What the
two sides leave each other on the desk, a folder, is said in `flink_jobs.together`.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from operations.releases import Release
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.files import replace
from runtime.flink_home import client_command, client_env
from runtime.flink_rest import FlinkRest, JobInfo
from runtime.layout import Layout
from savepoints.manifest import Manifest
from savepoints.saved import Saved

_DEADLINE_S = 300.0
_POLL_S = 0.05
_TAIL = 30


@dataclass(frozen=True, slots=True)
class Order:
    """A job that a client is to build; see `flink_jobs.environment.Order`."""

    module: str
    parallelism: int = 0
    former: tuple[str, ...] = ()


class Client:
    """One ``flink run`` for several jobs, in steps: ``manifests``, ``look``, ``submit``."""

    def __init__(
        self,
        settings: Settings,
        release: Release,
        orders: Sequence[Order],
        suffix: str = "",
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Make ready for a client.

        Args:
            settings: settings.
            release: whose code builds the jobs.
            orders: the jobs, in the order of submission.
            suffix: what is behind the jobs' names.
            environment: variables for the client, besides the release's.
        """
        self._settings, self._orders, self.release = settings, orders, release
        self.names = [order.module.rsplit(".", 1)[-1] + suffix for order in orders]
        self._variables = {**client_env(settings), **_absolute(settings), **release.environment(), **environment}

    def __enter__(self) -> Self:
        desks = Layout.at(self._settings.var_dir).var / "jobs"
        desks.mkdir(parents=True, exist_ok=True)
        self._desk = Path(tempfile.mkdtemp(prefix="desk-", dir=desks))
        (self._desk / "jobs.json").write_text(json.dumps([asdict(order) for order in self._orders]))
        self._owner = (self._desk / "owner").open("w")
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        # Flink lets Python look for modules in the current folder first, and that may be another version of them.
        if (there := Path("polyglot.toml").absolute()).exists():
            (self._desk / there.name).symlink_to(there)
        command = [*client_command(self._settings), "run", "--detached", "-pym", "flink_jobs.together", str(self._desk)]
        with (self._desk / "output").open("w") as output:
            self._process = subprocess.Popen(
                command,
                env=self._variables,
                cwd=self._desk,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner.close()  # with it the lock: the client's own Python ends when it finds it free
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._desk, ignore_errors=True)

    def manifests(self) -> dict[str, Manifest]:
        """Return the manifest of each job, once all are built.

        Raises:
            CommandError: a job cannot be built.
        """
        self._await("built")
        return {name: Manifest.read(self._desk / f"{name}.json") for name in self.names}

    def look(self, origins: Mapping[str, str]) -> dict[str, Saved]:
        """Say where the jobs are to start from; return what is there, of those that do not start empty.

        Raises:
            CommandError: a checkpoint or savepoint cannot be read.
        """
        self._await("built")
        replace(self._desk / "origins.json", json.dumps({name: origins.get(name, "") for name in self.names}))
        self._await("looked")
        found = {}
        for name in self.names:
            if not (path := self._desk / f"{name}.saved.json").exists():
                continue
            document = json.loads(path.read_text())
            if "error" in document:
                raise CommandError(
                    f"{name} cannot start from {origins[name]}: {document['error']}",
                    hint="name another checkpoint or savepoint (polyglot savepoints), or begin without state: --fresh",
                )
            found[name] = Saved.of(document)
        return found

    def tell(self, versions: str) -> None:
        """Say which versions of behaviour hold where (`schemas.versions.Schedule.text`)."""
        replace(self._desk / "versions.json", versions)

    def submit(self, listed: Callable[[JobInfo], None] = lambda _job: None) -> list[JobInfo]:
        """Submit the jobs; return them.

        Args:
            listed: is told of each job that runs, also if the client fails at a later one.

        Raises:
            CommandError: the client failed, or the cluster does not list a new job.
        """
        with FlinkRest(self._settings.flink.url) as rest:
            before = {job.id for job in rest.jobs()}
            (self._desk / "go").touch()
            code = self._ended()
            found = {job.name: job for job in rest.jobs() if job.id not in before and job.name in self.names}
        for job in found.values():
            listed(job)
        if code != 0:
            raise CommandError(f"`flink run` failed for {', '.join(self.names)}:\n{self._output()}")
        if missing := [name for name in self.names if name not in found]:
            raise CommandError(f"{missing[0]} was submitted but the cluster does not list it:\n{self._output()}")
        return [found[name] for name in self.names]

    def _ended(self) -> int:
        try:
            return self._process.wait(_DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise CommandError(f"the client does not end after {_DEADLINE_S:.0f} s", code=Exit.TIMEOUT) from None

    def _await(self, name: str) -> None:
        deadline = time.monotonic() + _DEADLINE_S
        while not (self._desk / name).exists():
            if self._process.poll() is not None and not (self._desk / name).exists():
                raise CommandError(f"`flink run` failed for {', '.join(self.names)}:\n{self._output()}")
            if time.monotonic() > deadline:
                raise CommandError(f"the client is not ready after {_DEADLINE_S:.0f} s", code=Exit.TIMEOUT)
            time.sleep(_POLL_S)

    def _output(self) -> str:
        return "\n".join((self._desk / "output").read_text().strip().splitlines()[-_TAIL:])


def _absolute(settings: Settings) -> dict[str, str]:
    """Return the settings that are paths, for a process in another folder."""
    paths = {
        "VAR_DIR": settings.var_dir,
        "CACHE_DIR": settings.cache_dir,
        "KAFKA__SSL_CA_LOCATION": settings.kafka.ssl_ca_location,
        "KAFKA__SSL_TRUSTSTORE_LOCATION": settings.kafka.ssl_truststore_location,
        "KAFKA__SSL_KEYSTORE_LOCATION": settings.kafka.ssl_keystore_location,
        "CLICKHOUSE__CA_LOCATION": settings.clickhouse.ca_location,
    }
    return {f"POLYGLOT_{name}": str(path.resolve()) for name, path in paths.items() if path is not None}
