"""What a component of the local stack is: how to prepare and start it, and how to ask whether it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Answer(NamedTuple):
    """What a healthy service says of itself; its version is empty where it tells nobody."""

    version: str
    detail: str = ""


#: Asks the service; raises any exception while it does not answer as it should.
Probe = Callable[[], Answer]


@dataclass(frozen=True)
class Component:
    """One process of the stack."""

    name: str
    command: tuple[str, ...]
    url: str
    ports: Mapping[int, str]  # port → the setting that moves it
    probe: Probe
    env: Mapping[str, str] = field(default_factory=dict)
    logs_in: bool = False  # it is a client of ours, and reads the settings' passwords from its environment
    prepare: Callable[[], None] = lambda: None  # idempotent; runs before every start
    stop_after: tuple[str, ...] = ()  # stopped only when these have ended
    grace_s: float = 20.0  # time between SIGTERM and SIGKILL
    logs: tuple[Path, ...] = ()  # where to look when it does not come up
    config: str = ""  # what it is configured with beyond its command line
    metrics_url: str = ""  # where Prometheus finds its metrics
    managed: bool = True  # False: configured to be on another machine; only probed
