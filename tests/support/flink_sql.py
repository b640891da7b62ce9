"""Flink in a process of its own, without a cluster: ``run(statements)`` returns the last one's rows or its plan."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from polyglot.config import ROOT, settings


def run(*statements: str, timeout: float = 240) -> list[list[Any]]:
    """Execute the statements with the jars that the cluster has too; return the rows of the last, a query."""
    jars = sorted((settings().cache_dir / "jars" / "flink").glob("*.jar"))
    done = subprocess.run(
        [sys.executable, __file__, json.dumps([f"file://{jar.resolve()}" for jar in jars]), *statements],
        cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def _main(jars: list[str], statements: Sequence[str]) -> None:
    from pyflink.table import EnvironmentSettings, TableEnvironment

    table = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    table.get_config().set("pipeline.jars", ";".join(jars))
    table.get_config().set("parallelism.default", "1")
    for statement in statements[:-1]:
        table.execute_sql(statement)
    with table.execute_sql(statements[-1]).collect() as rows:
        for row in rows:
            print(json.dumps(list(row)), flush=True)  # noqa: T201 - what `run` reads


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]), sys.argv[2:])
