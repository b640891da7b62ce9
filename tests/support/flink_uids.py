"""The operators with state of a job as Flink would run it, without a cluster: ``uids`` returns uid and kind of each."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

from runtime.config import ROOT, settings
from runtime.maven import connector_jars

#: Operators of these kinds hold nothing between two records.
STATELESS = ("FlatMap", "halt", "*anonymous")


def uids(job: str, folder: Path) -> list[str]:
    """Return ``uid  kind`` of a job's operators with state; a process of its own builds it, as on submission."""
    found = [*sorted((settings().cache_dir / "jars" / "flink").glob("*.jar")), *connector_jars()]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    private = {"PYTHONPATH": paths, "POLYGLOT_VAR_DIR": str(folder), "POLYGLOT_CLICKHOUSE__PASSWORD": "none"}
    done = subprocess.run(
        [sys.executable, __file__, job, *(f"file://{jar.resolve()}" for jar in found)],
        cwd=ROOT, env={**os.environ, **private}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    operators: list[str] = json.loads(done.stdout.splitlines()[-1])
    return operators


def _main(name: str, jars: list[str]) -> None:
    from pyflink.util.java_utils import add_jars_to_context_class_loader

    from flink_jobs.environment import Job

    def submitted(job: Job) -> None:
        nodes = job.stream._j_stream_execution_environment.getStreamGraph(False).getStreamNodes().toArray()
        found = [(node.getTransformationUID() or "(none)", node.getOperatorName()) for node in nodes]
        kept = [f"{uid}  {kind.split('[')[0]}" for uid, kind in found if not kind.startswith(STATELESS)]
        print(json.dumps(sorted(kept)))  # noqa: T201 - what `uids` reads

    add_jars_to_context_class_loader(jars)
    Job.submit = submitted
    importlib.import_module(f"flink_jobs.{name}").main()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
