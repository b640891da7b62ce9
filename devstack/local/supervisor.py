"""Keeps the components running: ``python -m devstack.local.supervisor NAME…``, started by `polyglot up`.

One thread per component starts it, notices its death, removes what it left behind, and starts it again. Components
that survived an earlier supervisor are adopted as they are. SIGTERM stops everything.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from devstack.local.component import Component
from devstack.local.components import BUILDERS, fingerprint
from devstack.local.environment import without_passwords
from runtime.config import Settings, settings
from runtime.console import CommandError
from runtime.layout import Layout
from runtime.process import STACK_VARIABLE, Identity, kill, orphans_of, reap, spawn, terminate
from runtime.stack_state import Running, State, forget, read_state, write_state

log = logging.getLogger("polyglot.supervisor")

POLL_S = 0.2
#: The first restart is at once; a component that keeps dying is tried ever more slowly, up to this.
MAX_BACKOFF_S = 15.0
#: A component that ran this long has recovered: its next death is a first one again.
STABLE_S = 60.0


def backoff_s(deaths: int) -> float:
    """Return the pause before a start that follows `deaths` deaths in a row: 0, 1, 2, 4 … seconds."""
    return 0.0 if deaths <= 1 else min(2.0 ** (deaths - 2), MAX_BACKOFF_S)


def describe_exit(code: int | None) -> str:
    """Return "exit 1", "signal 9", or "ended" where nobody told us how (None)."""
    if code is None:
        return "ended"
    return f"exit {code}" if code >= 0 else f"signal {-code}"


class Supervisor:
    """The components of one stack and their threads."""

    def __init__(self, settings: Settings, components: Iterable[Component], stack_id: str) -> None:
        self._layout = Layout.at(settings.var_dir)
        self._components = list(components)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        # Kept until we have collected them: the library collects those that nobody holds, and tells nobody their code.
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        before = read_state(self._layout)
        me = Identity.of(os.getpid())
        self._state = State(stack_id=stack_id, supervisor_pid=me.pid, supervisor_created=me.created)
        for component in self._components:
            known = before.components.get(component.name) if before else None
            running = known if known and known.alive else Running()
            running.fingerprint = fingerprint(component)
            running.ports = list(component.ports)
            running.grace_s = component.grace_s
            running.stop_after = list(component.stop_after)
            self._state.components[component.name] = running
        write_state(self._layout, self._state)

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, then stop everything."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        threads = [
            threading.Thread(target=self._keep, args=(component,), name=component.name)
            for component in self._components
        ]
        for thread in threads:
            thread.start()
        while not self._stopping.wait(3600):
            pass
        log.info("stopping")
        for thread in threads:
            thread.join()
        stop_components(self._state)
        forget(self._layout)

    def _keep(self, component: Component) -> None:
        running = self._state.components[component.name]
        deaths = 0
        if running.alive:
            log.info("%s: adopted pid %s", component.name, running.pid)
        while not self._stopping.is_set():
            if not running.alive and not self._start(component, running):
                deaths += 1
                self._stopping.wait(max(backoff_s(deaths), 1.0))
                continue
            began = time.monotonic()
            while running.alive and not self._stopping.wait(POLL_S):
                pass
            if self._stopping.is_set():
                return
            deaths = 1 if time.monotonic() - began > STABLE_S else deaths + 1
            self._bury(component, running)
            self._stopping.wait(backoff_s(deaths))

    def _start(self, component: Component, running: Running) -> bool:
        try:
            component.prepare()
            if self._stopping.is_set():
                return False
            inherited = os.environ if component.logs_in else without_passwords(os.environ)
            env = {**inherited, **component.env, STACK_VARIABLE: self._state.stack_id}
            child = spawn(component.command, env=env, cwd=Path.cwd(), output=self._layout.output(component.name))
            self._children[component.name] = child
            running.started(Identity.of(child.pid))
        except (OSError, subprocess.CalledProcessError, psutil.Error, CommandError) as error:
            detail = getattr(error, "stderr", "") or str(error)
            log.exception("%s: could not be started: %s", component.name, detail)
            self._write(running, last_exit=f"could not be started: {detail.strip()[-500:]}")
            return False
        log.info("%s: started pid %s", component.name, running.pid)
        self._write(running)
        return True

    def _bury(self, component: Component, running: Running) -> None:
        """Remove a dead component's remains and note how it ended."""
        identity = running.identity
        if identity is None:
            return
        # The zombie keeps its pid, and so its process group's id, from being reused until it is reaped.
        left = orphans_of(identity, self._state.stack_id)
        kill(left)
        ended = describe_exit(reap(identity))
        log.warning("%s: pid %s %s, %d orphans killed", component.name, identity.pid, ended, len(left))
        running.pid = running.created = None
        self._write(running, last_exit=ended)

    def _write(self, running: Running, *, last_exit: str = "") -> None:
        with self._lock:
            if last_exit:
                running.last_exit = last_exit
                running.restarts += 1
            write_state(self._layout, self._state)


def stop_components(state: State) -> list[str]:
    """Stop every recorded component, dependants first; return the names of those that had to be killed.

    Works without a supervisor, and on a state in which any of them is dead already.
    """
    killed: list[str] = []
    waiting = dict(state.components)
    while waiting:
        names = [name for name, one in waiting.items() if not set(one.stop_after) & waiting.keys()]
        wave = {name: waiting.pop(name) for name in (names or list(waiting))}
        identities = {one.identity: name for name, one in wave.items() if one.identity}
        forced = terminate(identities, grace=max((one.grace_s for one in wave.values()), default=0.0))
        killed += [identities[identity] for identity in forced]
        log.info("stopped %s%s", ", ".join(wave), f" ({len(forced)} by force)" if forced else "")
        for identity in identities:
            kill(orphans_of(identity, state.stack_id))
            reap(identity)
    return killed


def main(names: list[str]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    configured = settings()
    chosen = [BUILDERS[name](configured) for name in names]
    Supervisor(configured, chosen, os.environ[STACK_VARIABLE]).run()


if __name__ == "__main__":
    main(sys.argv[1:])
