"""The stack's components, in the order in which they are shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from devstack.local.clickhouse import gateway
from devstack.local.component import Component
from devstack.local.flink import jobmanager, taskmanager
from devstack.local.kafka import broker
from devstack.local.redis import cache
from devstack.local.registry import registry
from devstack.local.s3_server import object_store
from devstack.local.watchers import adjust, maintenance, metrics, repair
from runtime.config import Settings
from runtime.console import CommandError, Exit

BUILDERS = {
    "kafka": broker,
    "jobmanager": jobmanager,
    "taskmanager": taskmanager,
    "clickhouse": gateway,
    "redis": cache,
    "s3": object_store,
    "repair": repair,
    "adjust": adjust,
    "maintenance": maintenance,
    "metrics": metrics,
}
#: What a user may name; the two halves of the cluster only make sense together.
NAMES = {
    "kafka": ("kafka",),
    "flink": ("jobmanager", "taskmanager"),
    "clickhouse": ("clickhouse",),
    "redis": ("redis",),
    "s3": ("s3",),
    "repair": ("repair",),
    "adjust": ("adjust",),
    "maintenance": ("maintenance",),
    "metrics": ("metrics",),
}
#: Those that run only where the settings or a command ask for them.
OPTIONAL = ("s3", "repair", "adjust", "maintenance", "metrics")


def components(settings: Settings, only: Sequence[str] = (), more: Sequence[str] = ()) -> list[Component]:
    """Return the components that the settings ask for, or those that `only` names; and those that `more` names.

    A registry is one of them where one is configured.

    Raises:
        CommandError: a name does not exist.
    """
    unknown = sorted({*only, *more} - set(NAMES))
    if unknown:
        allowed = ", ".join(NAMES)
        raise CommandError(f"no component is called {unknown[0]!r}; there are: {allowed}", code=Exit.USAGE)
    groups = only or [name for name in NAMES if name not in OPTIONAL or getattr(settings, name).enabled]
    wanted = {name for group in (*groups, *more) for name in NAMES[group]}
    found = [build(settings) for name, build in BUILDERS.items() if name in wanted]
    return [*found, registry(settings)] if settings.registry.url and not only else found


def fingerprint(component: Component) -> str:
    """Return a hash of how the component is started: a running one with another hash has other settings."""
    text = json.dumps([component.command, component.config, sorted(component.ports), component.url])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
