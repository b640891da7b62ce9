"""Airflow's four processes as components of the stack's supervisor."""

from __future__ import annotations

from functools import partial

from devstack.airflow.home import environment, executable, layout
from devstack.local.component import Answer, Component
from devstack.local.probes import http
from runtime.config import Settings
from runtime.console import CommandError

#: By the names that Airflow's health page has for them.
COMMANDS = {
    "metadatabase": ("api-server",),
    # Nothing serves logs: the API server reads the files. The servers for that listen on every interface.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag_processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def components(settings: Settings) -> list[Component]:
    """Return the API server, the scheduler, the DAG processor and the triggerer."""
    variables, where = environment(settings), layout(settings)
    found = []
    for part, command in COMMANDS.items():
        name = command[0]
        found.append(
            Component(
                name=name,
                command=(str(executable(settings)), *command),
                url=settings.airflow.url if name == "api-server" else "",
                ports={settings.airflow.port: "POLYGLOT_AIRFLOW__PORT"} if name == "api-server" else {},
                probe=partial(probe, settings, part),
                env=variables,
                logs_in=name == "scheduler",  # tasks are its children, and their commands need the passwords
                stop_after=() if name == "scheduler" else ("scheduler",),
                logs=(where.output(name),),
                config=str(settings.airflow.port),
            )
        )
    return found


def probe(settings: Settings, part: str) -> Answer:
    """Ask Airflow's server how one of its parts is.

    Raises:
        CommandError: not healthy, or not heard of yet.
        httpx.HTTPError: no answer.
    """
    answer = http().get(f"{settings.airflow.url}/api/v2/monitor/health", timeout=5.0).raise_for_status().json()
    status = (answer.get(part) or {}).get("status")
    if status != "healthy":
        raise CommandError(f"{part} is {status}")
    return Answer("")
