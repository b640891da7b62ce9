"""The operators with state of jobs as Flink would run them, without a cluster: ``uids`` has uid and kind of each."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from runtime.config import ROOT, settings
from runtime.maven import connector_jars

#: Operators of these kinds hold nothing between two records.
STATELESS = ("FlatMap", "halt", "*anonymous")


def uids(jobs: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """Return ``uid  kind`` of the operators with state by job; a process of its own builds them, as on submission."""
    found = [*sorted((settings().cache_dir / "jars" / "flink").glob("*.jar")), *connector_jars()]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    private = {"PYTHONPATH": paths, "POLYGLOT_VAR_DIR": str(folder), "POLYGLOT_CLICKHOUSE__PASSWORD": "none"}
    done = subprocess.run(
        [sys.executable, __file__, ",".join(jobs), *(f"file://{jar.resolve()}" for jar in found)],
        cwd=ROOT, env={**os.environ, **private}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    operators: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return operators


def _main(names: Sequence[str], jars: list[str]) -> None:
    from pyflink.util.java_utils import add_jars_to_context_class_loader

    from flink_jobs.environment import Job

    operators: dict[str, list[str]] = {}

    def submitted(job: Job) -> None:
        nodes = job.stream._j_stream_execution_environment.getStreamGraph(False).getStreamNodes().toArray()
        found = [(node.getTransformationUID() or "(none)", node.getOperatorName()) for node in nodes]
        kept = [f"{uid}  {kind.split('[')[0]}" for uid, kind in found if not kind.startswith(STATELESS)]
        operators[names[len(operators)]] = sorted(kept)

    add_jars_to_context_class_loader(jars)
    Job.submit = submitted
    for name in names:
        importlib.import_module(f"flink_jobs.{name}").main()
    print(json.dumps(operators))  # noqa: T201 - what `uids` reads


if __name__ == "__main__":
    _main(sys.argv[1].split(","), sys.argv[2:])
