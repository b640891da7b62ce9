"""Health by asking the service the question its clients will ask; each probe returns what it says of itself."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from devstack.local.component import Answer
from runtime.config import ClickHouseSettings, RedisSettings, RegistrySettings

TIMEOUT_S = 3.0


class UnhealthyError(Exception):
    """The service answered, but not as a healthy one does."""


def probe_kafka(conf: Mapping[str, str | int], version: str) -> Answer:
    """Fetch the cluster's metadata: a controller and at least one broker must be there.

    No request of the protocol returns a broker's release: ``version`` is that of the jars it was started from.
    """
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - half a second of import that `--help` can do without

    # `log_level` 0: while the broker starts, refused connections are expected and would flood stderr.
    client = AdminClient({**conf, "socket.timeout.ms": int(TIMEOUT_S * 1000), "log_level": 0})
    metadata = client.list_topics(timeout=TIMEOUT_S)
    if not metadata.brokers:
        raise UnhealthyError("the cluster has no broker")
    topics = sum(not name.startswith("__") for name in metadata.topics)
    return Answer(version, f"{len(metadata.brokers)} broker, {topics} topics")


@lru_cache(maxsize=4)
def http(ca: Path | None = None) -> httpx.Client:
    """Return this process's HTTP client, which trusts the CAs of the PEM ``ca``, else the well-known ones.

    Making one parses every trusted certificate, too slow to do per probe.
    """
    return httpx.Client(timeout=TIMEOUT_S, verify=ssl.create_default_context(cafile=ca) if ca else True)


def _overview(url: str) -> dict[str, Any]:
    answer = http().get(f"{url}/overview")
    answer.raise_for_status()
    body = answer.json()
    if not isinstance(body, dict) or "flink-version" not in body:
        raise UnhealthyError("this is not a JobManager")
    return body


def probe_jobmanager(url: str) -> Answer:
    return Answer(str(_overview(url)["flink-version"]))


def probe_taskmanager(url: str) -> Answer:
    """At least one TaskManager must be registered and heard of within its heartbeat."""
    overview = _overview(url)
    if overview["taskmanagers"] < 1 or overview["slots-total"] < 1:
        raise UnhealthyError("no TaskManager is registered")
    slots = f"{overview['slots-available']} of {overview['slots-total']} slots free"
    return Answer(str(overview["flink-version"]), slots)


def probe_clickhouse(conf: ClickHouseSettings) -> Answer:
    auth = (conf.username, conf.find_password())
    answer = http(conf.ca_location).post(conf.url, content="SELECT version()", auth=auth)
    answer.raise_for_status()
    return Answer(answer.text.strip())


def probe_registry(conf: RegistrySettings) -> Answer:
    answer = http().get(f"{(conf.url or '').rstrip('/')}/subjects", auth=conf.login)
    answer.raise_for_status()
    return Answer("", f"{len(answer.json())} subjects")


def probe_redis(conf: RedisSettings) -> Answer:
    """PING, after AUTH where a password is set."""
    from redis import Redis  # noqa: PLC0415 - as above

    password = conf.password.get_secret_value() if conf.password else None
    with Redis(conf.host, conf.port, password=password, socket_timeout=TIMEOUT_S) as client:
        if not client.ping():
            raise UnhealthyError("PING was not answered with PONG")
        info = client.info("server")
    return Answer(str(info.get("valkey_version") or info["redis_version"]))


def probe_object_store(url: str, version: str) -> Answer:
    """Ask the S3 server for its health; it tells its version to nobody."""
    http().get(f"{url}/healthz").raise_for_status()
    return Answer(version)
