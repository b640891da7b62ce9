"""The ClickHouse endpoint: our HTTP gateway over an in-process engine."""

from __future__ import annotations

import sys

from polyglot.config import Settings
from polyglot.stack.component import Component
from polyglot.stack.layout import Layout
from polyglot.stack.ports import is_local
from polyglot.stack.probes import probe_clickhouse


def gateway(settings: Settings) -> Component:
    """Return the gateway as a component."""
    layout = Layout.at(settings.var_dir)
    return Component(
        name="clickhouse",
        command=(
            sys.executable, "-m", "polyglot.clickhouse.gateway",
            "--host", "127.0.0.1", "--port", str(settings.clickhouse.port), "--data", str(layout.clickhouse),
        ),
        url=settings.clickhouse.url,
        ports={settings.clickhouse.port: "POLYGLOT_CLICKHOUSE__PORT"},
        probe=lambda: probe_clickhouse(settings.clickhouse),
        prepare=lambda: layout.clickhouse.mkdir(parents=True, exist_ok=True),
        stop_after=("taskmanager", "jobmanager"),
        logs=(layout.output("clickhouse"),),
        managed=is_local(settings.clickhouse.host),
    )  # fmt: skip
