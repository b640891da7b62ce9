"""Starting and stopping the stack as a whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import psutil

from devstack.local.clickhouse import provide_accounts
from devstack.local.component import Component
from devstack.local.components import components, fingerprint
from devstack.local.s3_server import provide_keys
from devstack.local.supervisor import stop_components
from runtime.config import ROOT, Settings
from runtime.console import CommandError, Console, Exit
from runtime.layout import Layout
from runtime.maven import build_connectors, fetch_jars
from runtime.ports import is_free, is_open, listener
from runtime.process import STACK_VARIABLE, kill, members, spawn, terminate
from runtime.stack_state import Running, State, forget, read_state, write_state

#: `down --wipe` refuses to delete a folder that `up` did not mark as its own.
MARKER = ".polyglot-var"
#: What `down --wipe` leaves: results that people want to look at afterwards.
KEPT = frozenset({"report"})
#: A component that died this often while coming up is not going to make it.
HOPELESS_DEATHS = 3
SUPERVISOR_START_S = 20.0
#: Longer than the components' own grace periods one after the other.
SUPERVISOR_STOP_S = 60.0
PORTS_CLOSE_S = 15.0


@contextmanager
def exclusive(
    layout: Layout, busy: str = "another `polyglot up` or `polyglot down` is at work on this stack"
) -> Iterator[None]:
    """Hold the stack's lock; raise CommandError if another process holds it."""
    layout.stack.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(busy) from None
        yield


def up(
    settings: Settings,
    console: Console,
    *,
    only: Sequence[str] = (),
    more: Sequence[str] = (),
    timeout_s: float = 120.0,
    build: bool = True,
) -> float:
    """Start what is not running and wait until everything answers; return the seconds that took.

    Topics are applied as soon as the broker answers, ClickHouse migrations as soon as the gateway does, contracts are
    registered as soon as a configured registry does.
    """
    layout = Layout.at(settings.var_dir)
    began = time.monotonic()
    wanted = components(settings, only, more)
    managed = [component for component in wanted if component.managed]
    _refuse_local_security(settings, managed)
    with exclusive(layout):
        (layout.var / MARKER).touch()
        running = read_state(layout)
        if build and not (running and running.supervised):
            _provide_jars(settings, console, managed)
        began_start = time.monotonic()
        started = _ensure_supervisor(settings, layout, console, managed)
        try:
            _await_healthy(settings, console, wanted, layout, began_start + timeout_s)
        except BaseException:
            if started:
                _stop(layout, console)
            raise
    return time.monotonic() - began


def _refuse_local_security(settings: Settings, managed: list[Component]) -> None:
    if settings.kafka.security_protocol != "PLAINTEXT" and any(one.name == "kafka" for one in managed):
        raise CommandError(
            "the local broker speaks PLAINTEXT on loopback only, but kafka.security_protocol is "
            f"{settings.kafka.security_protocol}",
            hint="unset it, or point POLYGLOT_KAFKA__BOOTSTRAP_SERVERS at the secured cluster",
            code=Exit.USAGE,
        )


def _provide_jars(settings: Settings, console: Console, managed: list[Component]) -> None:
    if {"kafka", "jobmanager"} & {one.name for one in managed}:
        with console.progress("jars") as tracker:
            tracker.describe("checking third-party jars")
            fetch_jars(settings)
            tracker.describe("checking connectors")
            build_connectors(settings)


def _ensure_supervisor(settings: Settings, layout: Layout, console: Console, managed: list[Component]) -> bool:
    """Start a supervisor for `managed` unless the right one runs; return whether one was started."""
    state = read_state(layout)
    prints = {component.name: fingerprint(component) for component in managed}
    if state and state.supervised:
        if {name: one.fingerprint for name, one in state.components.items()} != prints:
            raise CommandError(
                "the stack is running with other settings or other components",
                hint="stop it first: polyglot down",
                code=Exit.USAGE,
            )
        return False
    if not managed:
        return False
    if any(component.name == "clickhouse" for component in managed):
        provide_accounts(settings)  # before the supervisor notes whether a password that is set agrees with them
    if any(component.name == "s3" for component in managed):
        provide_keys(settings)  # before others are told of them
    state = state or State(stack_id=uuid.uuid4().hex)
    _clear_remains(state, prints, console)
    _check_ports(managed, state)
    write_state(layout, state)
    env = {**os.environ, STACK_VARIABLE: state.stack_id}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH", "")]))
    child = spawn(
        [sys.executable, "-m", "devstack.local.supervisor", *prints],
        env=env,
        cwd=Path.cwd(),  # where this command found its polyglot.toml
        output=layout.output("supervisor"),
        new_session=True,
    )
    deadline = time.monotonic() + SUPERVISOR_START_S
    while not _supervises(layout, child.pid):
        if child.poll() is not None or time.monotonic() > deadline:
            kill(members(state.stack_id))
            raise CommandError("the supervisor did not start", hint=tail(layout.output("supervisor")))
        time.sleep(0.1)
    return True


def _supervises(layout: Layout, pid: int) -> bool:
    state = read_state(layout)
    return bool(state and state.supervisor_pid == pid and state.supervised)


def _clear_remains(state: State, prints: Mapping[str, str], console: Console) -> None:
    """Keep components of a dead supervisor that are as wanted; stop everything else that carries the stack's id."""
    adopted: dict[str, Running] = {}
    stale: dict[str, Running] = {}
    for name, one in state.components.items():
        kept = one.alive and prints.get(name) == one.fingerprint
        (adopted if kept else stale)[name] = one
    if adopted:
        console.info(f"adopting what still runs: {', '.join(adopted)}")
    stop_components(State(stack_id=state.stack_id, components=stale))
    groups = {one.pid for one in adopted.values()}
    kill(process for process in members(state.stack_id) if _group(process) not in groups)
    state.components = adopted


def _group(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return -1


def _check_ports(managed: list[Component], state: State) -> None:
    """Raise CommandError naming every port that somebody else uses, and who that is."""
    taken = [
        f"port {port} ({component.name}) is used by {listener(port)}; {setting} moves it"
        for component in managed
        if component.name not in state.components
        for port, setting in component.ports.items()
        if not is_free(port)
    ]
    if taken:
        raise CommandError("\n".join(taken), code=Exit.FAILED)


def _await_healthy(
    settings: Settings, console: Console, wanted: list[Component], layout: Layout, deadline: float
) -> None:
    """Wait for all components at once, each followed by its set-up (topics, migrations)."""
    with console.progress("starting", total=len(wanted)) as tracker, ThreadPoolExecutor(len(wanted)) as pool:
        begun = {name: one.restarts for name, one in (read_state(layout) or State(stack_id="")).components.items()}

        def ready(component: Component) -> str:
            _await_one(component, layout, deadline, begun.get(component.name, 0))
            after_start(settings, component.name)
            return component.name

        futures = [pool.submit(ready, component) for component in wanted]
        failures: list[BaseException] = []
        for future in as_completed(futures):
            if error := future.exception():
                failures.append(error)
                continue
            tracker.describe(f"{future.result()} is up")
            tracker.advance()
        if failures:
            raise failures[0]


def _await_one(component: Component, layout: Layout, deadline: float, deaths_before: int) -> None:
    error: Exception | None = None
    while time.monotonic() < deadline:
        try:
            _ask(component)
        except Exception as caught:  # noqa: BLE001 - a service that starts fails in any way its client knows
            error = caught
        else:
            return
        state = read_state(layout)
        running = state.components.get(component.name) if state else None
        if running and running.restarts - deaths_before >= HOPELESS_DEATHS:
            raise CommandError(
                f"{component.name} does not start ({running.last_exit})", hint=_logs(component), code=Exit.FAILED
            )
        time.sleep(0.3)
    raise CommandError(
        f"{component.name} did not become healthy in time: {error}", hint=_logs(component), code=Exit.TIMEOUT
    )


def _ask(component: Component) -> None:
    if component.managed and not all(is_open(port) for port in component.ports):
        raise ConnectionError("it does not listen yet")  # cheaper to find out than by a client library
    component.probe()


def after_start(settings: Settings, name: str) -> None:
    """Bring a fresh component to what the contracts say: topics, tables in ClickHouse, schemas in a registry."""
    if name == "kafka":
        from operations.topics import apply, plan  # noqa: PLC0415 - needs a client library that `--help` can do without

        apply(settings, plan(settings))
    elif name == "clickhouse":
        from operations.migrate import migrate  # noqa: PLC0415 - as above

        migrate(settings.clickhouse)
    elif name == "registry":
        from operations.contracts.registry import register_all  # noqa: PLC0415 - as above

        register_all(settings.registry)


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log, headed by its path; empty if there is none."""
    if not path.exists() or not (text := path.read_text(errors="replace").strip()):
        return ""
    return "\n".join([f"--- {path}", *text.splitlines()[-lines:]])


def _logs(component: Component) -> str:
    return "\n".join(filter(None, (tail(path) for path in component.logs)))


def down(settings: Settings, console: Console, *, wipe: bool = False) -> bool:
    """Stop whatever of the stack runs; return whether anything did. With `wipe` also delete its data."""
    layout = Layout.at(settings.var_dir)
    if not layout.stack.exists():
        return False
    with exclusive(layout):
        ran = _stop(layout, console)
        if wipe:
            _wipe(layout)
    return ran


def _stop(layout: Layout, console: Console) -> bool:
    state = read_state(layout)
    if state is None:
        return False
    ran = state.supervised or any(one.alive for one in state.components.values())
    with console.progress("stopping") as tracker:
        if state.supervisor:
            tracker.describe("supervisor and components")
            terminate([state.supervisor], grace=SUPERVISOR_STOP_S)
        # What a killed or hanging supervisor left; nothing after an orderly stop.
        state = read_state(layout) or state
        stop_components(state)
        kill(members(state.stack_id))
        tracker.describe("waiting for ports to close")
        _await_closed([port for one in state.components.values() for port in one.ports])
    forget(layout)
    return ran


def _await_closed(ports: Iterable[int]) -> None:
    deadline = time.monotonic() + PORTS_CLOSE_S
    for port in ports:
        while is_open(port):
            if time.monotonic() > deadline:
                raise CommandError(f"port {port} is still open, held by {listener(port)}")
            time.sleep(0.1)


def _wipe(layout: Layout) -> None:
    # The lock we hold is in the stack's folder.
    doomed = [path for path in layout.var.iterdir() if path.name not in KEPT and path != layout.stack]
    if doomed and not (layout.var / MARKER).exists():
        raise CommandError(
            f"{layout.var} was not made by `polyglot up`: not deleting it", hint="delete it by hand if it is yours"
        )
    for path in doomed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in layout.stack.iterdir():
        if path != layout.lock:
            path.unlink()
