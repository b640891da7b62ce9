"""The manifests of jobs as a client would build them, without a cluster.

``python tests/support/manifests.py`` writes those of all jobs to ``savepoints/manifests/``.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runtime.config import ROOT, settings
from runtime.maven import connector_jars
from savepoints.manifest import FOLDER, Manifest

JOBS = ("ingest", "normalize", "analytics")


def built(jobs: Sequence[str], folder: Path) -> dict[str, Manifest]:
    """Return the manifests by job; a process of its own builds them, as on submission."""
    found = [*sorted((settings().cache_dir / "jars" / "flink").glob("*.jar")), *connector_jars()]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    private = {"PYTHONPATH": paths, "POLYGLOT_VAR_DIR": str(folder), "POLYGLOT_CLICKHOUSE__PASSWORD": "none"}
    done = subprocess.run(
        [sys.executable, __file__, ",".join(jobs), *(f"file://{jar.resolve()}" for jar in found)],
        cwd=ROOT, env={**os.environ, **private}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    documents = json.loads(done.stdout.splitlines()[-1])
    return {document["job"]: Manifest.of(document) for document in documents}


def _main(names: Sequence[str], jars: list[str]) -> None:
    from pyflink.util.java_utils import add_jars_to_context_class_loader

    from flink_jobs import environment
    from flink_jobs.manifest import manifest

    add_jars_to_context_class_loader(jars)
    environment.held = []
    for name in names:
        importlib.import_module(f"flink_jobs.{name}").main()
    print(json.dumps([manifest(job) for job in environment.held]))  # noqa: T201 - what `built` reads


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for job, found in built(JOBS, Path(folder)).items():
            (FOLDER / f"{job}.json").write_text(json.dumps(found.document(), indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:]:
        _main(sys.argv[1].split(","), sys.argv[2:])
    else:
        _write()
