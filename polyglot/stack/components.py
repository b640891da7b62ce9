"""The stack's components, in the order in which they are shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from polyglot.config import Settings
from polyglot.console import CommandError, Exit
from polyglot.stack.clickhouse import gateway
from polyglot.stack.component import Component
from polyglot.stack.flink import jobmanager, taskmanager
from polyglot.stack.kafka import broker
from polyglot.stack.redis import cache
from polyglot.stack.registry import registry

BUILDERS = {
    "kafka": broker,
    "jobmanager": jobmanager,
    "taskmanager": taskmanager,
    "clickhouse": gateway,
    "redis": cache,
}
#: What a user may name; the two halves of the cluster only make sense together.
NAMES = {
    "kafka": ("kafka",),
    "flink": ("jobmanager", "taskmanager"),
    "clickhouse": ("clickhouse",),
    "redis": ("redis",),
}


def components(settings: Settings, only: Sequence[str] = ()) -> list[Component]:
    """Return all components, or those that `only` names. A registry is one of them where one is configured.

    Raises:
        CommandError: `only` has a name that does not exist.
    """
    unknown = sorted(set(only) - set(NAMES))
    if unknown:
        allowed = ", ".join(NAMES)
        raise CommandError(f"no component is called {unknown[0]!r}; there are: {allowed}", code=Exit.USAGE)
    wanted = {name for group in (only or NAMES) for name in NAMES[group]}
    found = [build(settings) for name, build in BUILDERS.items() if name in wanted]
    return [*found, registry(settings)] if settings.registry.url and not only else found


def fingerprint(component: Component) -> str:
    """Return a hash of how the component is started: a running one with another hash has other settings."""
    text = json.dumps([component.command, component.config, sorted(component.ports), component.url])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
