"""One component in the foreground, for containers: ``python -m devstack.local.foreground jobmanager``.

Containers restart what dies and reach each other by name, so there is no supervisor, and services listen on every
interface of the container; which of them the host publishes is the compose file's business.
"""

from __future__ import annotations

import os
import socket
from typing import Annotated

import typer

from devstack.local.components import BUILDERS
from runtime.config import settings
from runtime.console import CommandError, Exit
from runtime.flink_home import write_home

FLINK = ("jobmanager", "taskmanager")


def bind_overrides(advertise: str) -> dict[str, str]:
    """Return the Flink options that differ from a cluster on loopback."""
    return {
        "jobmanager.bind-host": "0.0.0.0",  # noqa: S104 - of the container
        "rest.bind-address": "0.0.0.0",  # noqa: S104
        "taskmanager.bind-host": "0.0.0.0",  # noqa: S104
        "taskmanager.host": advertise,
        "metrics.reporter.prom.host": "0.0.0.0",  # noqa: S104
    }


def run(
    name: Annotated[str, typer.Argument(help="jobmanager or taskmanager")],
    advertise: Annotated[str, typer.Option(help="Name under which the others reach this container.")] = "",
) -> None:
    """Prepare a component and become its process."""
    if name not in FLINK:
        raise CommandError(f"{name!r} has an image of its own; here run {' and '.join(FLINK)}", code=Exit.USAGE)
    configured = settings()
    component = BUILDERS[name](configured)
    write_home(configured, bind_overrides(advertise or socket.gethostname()))
    os.execvpe(component.command[0], component.command, {**os.environ, **component.env})  # noqa: S606 - a list


if __name__ == "__main__":
    typer.run(run)
