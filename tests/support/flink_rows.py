"""Flink in a process of its own, without a cluster: ``rows`` returns what our source makes of a topic's values."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from runtime.config import ROOT, settings
from runtime.maven import connector_jars
from schemas.contracts import FOLDER


def rows(topic: str, properties: dict[str, str], contract: str, columns: dict[str, str]) -> list[list[str]]:
    """Read a topic to its end, with the jars that the cluster has too; return the rows' ``columns`` as text."""
    found = [*sorted((settings().cache_dir / "jars" / "flink").glob("*.jar")), *connector_jars()]
    jars = [f"file://{jar.resolve()}" for jar in found]
    done = subprocess.run(
        [sys.executable, __file__, json.dumps([jars, topic, properties, contract, columns])],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def _main(jars: list[str], topic: str, properties: dict[str, str], contract: str, columns: dict[str, str]) -> None:
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.java_gateway import get_gateway
    from pyflink.util.java_utils import add_jars_to_context_class_loader

    add_jars_to_context_class_loader(jars)
    given = Configuration()
    given.set_string("pipeline.jars", ";".join(jars))
    given.set_string("parallelism.default", "1")
    env = StreamExecutionEnvironment.get_execution_environment(given)._j_stream_execution_environment
    polyglot = get_gateway().jvm.io.polyglot
    text = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
    values = polyglot.avro.PinnedValues.of(str(FOLDER), contract, text)
    read = polyglot.blocks.Topics.decoded(env, topic, topic, properties, "g", values, True)
    getters: dict[str, Any] = {
        "STRING": lambda row, at: row.getString(at).toString(),
        "BIGINT": lambda row, at: str(row.getLong(at)),
        "DECIMAL(28, 12)": lambda row, at: row.getDecimal(at, 28, 12).toString(),
    }
    found = read.executeAndCollect()
    while found.hasNext():
        row = found.next()
        print(json.dumps([getters[kind](row, at) for at, kind in enumerate(columns.values())]), flush=True)  # noqa: T201 - what `rows` reads


if __name__ == "__main__":
    _main(*json.loads(sys.argv[1]))
