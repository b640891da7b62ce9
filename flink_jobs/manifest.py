"""What a job's state is, before it is submitted: which operators keep one, and which versions of it they restore."""

from __future__ import annotations

from typing import Any

from flink_jobs.environment import Job

#: Operators of these kinds hold nothing between two records.
STATELESS = ("FlatMap", "account", "halt", "*anonymous")


def manifest(job: Job) -> dict[str, Any]:
    """Return the manifest of a job that is built, as ``savepoints.manifest`` reads it.

    ``operators`` are those that may keep state, by uid: what each is, and for a fold which state versions it restores,
    the last of which it writes.
    """
    nodes = job.stream._j_stream_execution_environment.getStreamGraph(False).getStreamNodes().toArray()  # noqa: SLF001
    found: dict[str, dict[str, Any]] = {}
    for node in nodes:
        kind, uid = str(node.getOperatorName()).partition("[")[0], str(node.getTransformationUID())
        if not kind.startswith(STATELESS):
            found[uid] = {"kind": kind, **({"states": list(job.states[uid])} if uid in job.states else {})}
    return {"job": job.name, "operators": dict(sorted(found.items()))}
