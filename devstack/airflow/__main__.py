"""Airflow in the foreground, until Ctrl-C or SIGTERM: ``python -m devstack.airflow``, by `make airflow`."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from contextlib import suppress

import httpx

from devstack.airflow import home
from devstack.airflow.components import components
from devstack.local.component import Component
from devstack.local.control import exclusive
from devstack.local.supervisor import Supervisor
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.ports import is_free, listener
from runtime.process import Identity, kill, members, terminate
from runtime.stack_state import read_state

#: How long it may take to come up before we say so, and how long commands that tasks started may take to end.
START_S, COMMANDS_END_S = 120.0, 40.0


def run(settings: Settings, console: Console) -> None:
    """Start Airflow, keep it running, and leave no process behind.

    Raises:
        CommandError: it is not installed, its port is taken, it runs already, or its database cannot be made.
    """
    home.executable(settings)
    home.prepare(settings)
    layout = home.layout(settings)
    with exclusive(layout, "Airflow runs already"):
        before = read_state(layout)
        if not (before and before.components.get("api-server") and before.components["api-server"].alive):
            _refuse_taken_port(settings)
        console.info("preparing Airflow's database")
        _migrate(settings)
        stack_id = before.stack_id if before else uuid.uuid4().hex
        parts = components(settings)
        supervisor = Supervisor(settings.model_copy(update={"var_dir": layout.var}), parts, stack_id)
        threading.Thread(target=_announce, args=(settings, console, parts), daemon=True).start()
        try:
            supervisor.run()
        finally:
            # Commands outlive the workers that started them, on purpose; they do not outlive Airflow.
            terminate([Identity.of(one.pid) for one in members(stack_id)], COMMANDS_END_S)
            kill(members(stack_id))
    console.success("stopped")


def _refuse_taken_port(settings: Settings) -> None:
    port = settings.airflow.port
    if not is_free(port):
        hint = "POLYGLOT_AIRFLOW__PORT moves Airflow"
        raise CommandError(f"port {port} is used by {listener(port)}", hint=hint, code=Exit.USAGE)


def _migrate(settings: Settings) -> None:
    log = home.layout(settings).output("migrate")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        done = subprocess.run(
            [home.executable(settings), "db", "migrate"],
            env={**os.environ, **home.environment(settings)},
            stdout=sink,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise CommandError(f"Airflow's database cannot be made or migrated: see {log}")


def _announce(settings: Settings, console: Console, parts: list[Component]) -> None:
    waiting, began, told = {part.name: part for part in parts}, time.monotonic(), False
    while waiting:
        for name, part in list(waiting.items()):
            with suppress(CommandError, httpx.HTTPError, ValueError):  # no answer yet
                part.probe()
                del waiting[name]
        if waiting and not told and time.monotonic() - began > START_S:
            told = True
            console.warn(f"not healthy yet: {', '.join(waiting)}; see {home.layout(settings).logs}")
        time.sleep(0.5)
    secret = home.folder(settings) / "secrets" / "passwords.json"
    console.success(f"Airflow: {settings.airflow.url}, user {home.USER}, password in {secret}")


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    console = Console()
    try:
        run(Settings(), console)
    except CommandError as error:
        console.error(str(error), error.hint)
        return error.code
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
