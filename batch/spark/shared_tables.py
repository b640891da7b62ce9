"""How Spark writes to a table of the lake that others write to as well."""

from __future__ import annotations

#: What every writer of a table agrees on: see HudiConfigs in ``connectors/hudi``.
SHARED = {
    "hoodie.write.concurrency.mode": "optimistic_concurrency_control",
    "hoodie.write.lock.provider": "io.polyglot.lake.TableLock",
    "hoodie.clean.failed.writes.policy": "LAZY",
    "hoodie.write.markers.type": "DIRECT",
    "hoodie.metadata.enable": "false",
    "hoodie.embed.timeline.server": "false",
}
