"""Our own commands that stay: optional components, which a supervisor starts again like any other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version

from devstack.local.component import Answer, Component
from devstack.local.probes import http
from runtime.config import Settings
from runtime.layout import Layout
from runtime.stack_state import read_state

#: A replay under way may take this long to give up.
GRACE_S = 30.0


def repair(settings: Settings) -> Component:
    """Return what answers repair requests, so that bars are restated without an operator."""
    return _watcher(settings, "repair", "--watch", "--every", str(settings.repair.rest_s))


def adjust(settings: Settings) -> Component:
    """Return what adjusts series as reference data come."""
    return _watcher(settings, "adjust", "--watch", str(settings.adjust.watch_s))


def maintenance(settings: Settings) -> Component:
    """Return what keeps the lake's tables in shape."""
    return _watcher(settings, "maintenance", "--watch", str(settings.maintenance.watch_s), of=("tables", "maintain"))


def metrics(settings: Settings) -> Component:
    """Return the endpoint of the suite's own counts."""
    port, url = settings.metrics.port, settings.metrics.url

    def probe() -> Answer:
        http().options(url, timeout=5.0).raise_for_status()  # a GET would count what whole topics hold
        return Answer(version("polyglot"))

    return Component(
        name="metrics",
        command=(*_command("metrics"), "--serve", "--port", str(port)),
        logs_in=True,
        url=url,
        ports={port: "POLYGLOT_METRICS__PORT"},
        probe=probe,
        metrics_url=url,
        logs=(Layout.at(settings.var_dir).output("metrics"),),
        config=settings.metrics.model_dump_json(),
    )


def _watcher(settings: Settings, name: str, *options: str, of: Sequence[str] = ()) -> Component:
    """Return the command ``of`` as a component; by default that of the component's name."""
    layout = Layout.at(settings.var_dir)
    return Component(
        name=name,
        command=(*_command(*(of or (name,))), *options),
        logs_in=True,
        url="",
        ports={},
        probe=lambda: _alive(layout, name),
        grace_s=GRACE_S,
        logs=(layout.output(name),),
    )


def _command(*names: str) -> tuple[str, ...]:
    return sys.executable, "-m", "polyglot.cli", *names


def _alive(layout: Layout, name: str) -> Answer:
    """Return our version if the process runs: it listens nowhere, and what it has done is in the topics."""
    state = read_state(layout)
    running = state.components.get(name) if state else None
    if running is None or not running.alive:
        raise ConnectionError("it does not run")
    return Answer(version("polyglot"))
