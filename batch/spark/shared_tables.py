"""How Spark writes to a table of the lake that others write to as well."""

from __future__ import annotations

_SHARED = {
    "hoodie.write.concurrency.mode": "optimistic_concurrency_control",
    "hoodie.clean.failed.writes.policy": "LAZY",
    "hoodie.write.markers.type": "DIRECT",
    "hoodie.metadata.enable": "false",
    "hoodie.embed.timeline.server": "false",
}
_LOCK = "hoodie.write.lock.provider"
#: Of a table on this host; of one on S3, an object that only who saw its last state may replace (``connectors/s3``).
_HERE = {_LOCK: "io.polyglot.lake.TableLock"}
_ON_S3 = {
    _LOCK: "org.apache.hudi.client.transaction.lock.StorageBasedLockProvider",
    # A writer that was killed keeps the lock for so long, and a living one renews it in time.
    "hoodie.write.lock.storage.validity.timeout.secs": "60",
    "hoodie.write.lock.storage.heartbeat.poll.secs": "5",
}


def shared(path: str) -> dict[str, str]:
    """Return what every writer of the table at a URI agrees on: see HudiConfigs in ``connectors/hudi``."""
    return {**_SHARED, **(_ON_S3 if path.startswith("s3") else _HERE)}
