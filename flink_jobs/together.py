"""Several jobs by one client: its JVM, its interpreter and what they load cost far more than building a job does.

flink run -pym flink_jobs.together DESK

The desk is a folder where the client and whoever started it leave each other files:

- ``jobs.json``, there from the start: ``[{"module", "parallelism", "former"}, …]``
- ``NAME.json`` of each job that is built, its manifest; then ``built``
- ``origins.json``, which the client waits for: ``{"NAME": "path of a checkpoint or savepoint, or empty", …}``
- ``NAME.saved.json``, what is there, or an ``error``; then ``looked``
- ``versions.json``, there before ``go`` if it is there at all: which versions of behaviour hold where
- ``go``, which it waits for; then it submits the jobs and ends

A client that waits costs nothing, and the job that it is to replace runs on meanwhile. Whoever started it holds a lock
on ``owner``; when that is free, nobody is left who could say go.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError

from flink_jobs import environment
from flink_jobs.environment import Job, Order
from flink_jobs.manifest import manifest
from flink_jobs.saved import contents

_POLL_S = 0.05


def main(arguments: Sequence[str]) -> None:
    """Build the jobs, and submit them when the desk says so."""
    (desk,) = map(Path, arguments)
    jobs = _built(json.loads((desk / "jobs.json").read_text()))
    for job in jobs:
        (desk / f"{job.name}.json").write_text(json.dumps(manifest(job)))
    (desk / "built").touch()
    _await(desk, "origins.json")
    origins: dict[str, str] = json.loads((desk / "origins.json").read_text())
    for name, origin in origins.items():
        if origin:
            (desk / f"{name}.saved.json").write_text(json.dumps(_saved(origin)))
    (desk / "looked").touch()
    _await(desk, "go")
    versions = desk / "versions.json"
    text = versions.read_text() if versions.exists() else ""
    for job in jobs:
        job.run(origins[job.name], text)


def _await(desk: Path, name: str) -> None:
    while not (desk / name).exists():
        if _deserted(desk):
            sys.exit("nobody is left who could say that these jobs may start")
        time.sleep(_POLL_S)


def _saved(origin: str) -> dict[str, Any]:
    try:
        return contents(origin)
    except Py4JJavaError as error:
        return {"error": str(error.java_exception).splitlines()[0]}


def _built(asked: list[dict[str, Any]]) -> list[Job]:
    environment.held = []
    for one in asked:
        environment.order = Order(one["parallelism"], tuple(one["former"]))
        importlib.import_module(one["module"]).main()
    return environment.held


def _deserted(desk: Path) -> bool:
    with (desk / "owner").open() as owner:
        try:
            fcntl.flock(owner, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


if __name__ == "__main__":
    main(sys.argv[1:])
