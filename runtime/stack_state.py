"""The recorded state of running processes: ``var/stack/state.json`` and one pid file per component."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ValidationError

from runtime.files import replace
from runtime.layout import Layout
from runtime.process import Identity


class Running(BaseModel):
    """One component's process."""

    pid: int | None = None
    created: float | None = None  # the kernel's start time, seconds since the epoch
    fingerprint: str = ""
    ports: list[int] = []
    grace_s: float = 20.0
    stop_after: list[str] = []
    restarts: int = 0
    last_exit: str = ""
    started_at: datetime | None = None

    @property
    def identity(self) -> Identity | None:
        return Identity(self.pid, self.created) if self.pid and self.created else None

    @property
    def alive(self) -> bool:
        return bool(self.identity and self.identity.alive)

    def started(self, identity: Identity) -> None:
        self.pid, self.created, self.started_at = identity.pid, identity.created, datetime.now(UTC)


class State(BaseModel):
    """The stack as its supervisor last wrote it."""

    stack_id: str
    supervisor_pid: int | None = None
    supervisor_created: float | None = None
    components: dict[str, Running] = {}

    @property
    def supervisor(self) -> Identity | None:
        if self.supervisor_pid and self.supervisor_created:
            return Identity(self.supervisor_pid, self.supervisor_created)
        return None

    @property
    def supervised(self) -> bool:
        return bool(self.supervisor and self.supervisor.alive)


def read_state(layout: Layout) -> State | None:
    """Return the recorded state; None if there is none (or it is not readable as one)."""
    try:
        return State.model_validate_json(layout.state.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_state(layout: Layout, state: State) -> None:
    """Write state and pid files in one step each, so that a reader never meets half a file."""
    layout.stack.mkdir(parents=True, exist_ok=True)
    replace(layout.state, state.model_dump_json(indent=2))
    pids = {name: running.pid for name, running in state.components.items()}
    pids["supervisor"] = state.supervisor_pid
    for name, pid in pids.items():
        if pid:
            replace(layout.pid_file(name), f"{pid}\n")
        else:
            layout.pid_file(name).unlink(missing_ok=True)


def forget(layout: Layout) -> None:
    """Remove state and pid files."""
    layout.state.unlink(missing_ok=True)
    for path in layout.stack.glob("*.pid"):
        path.unlink()
