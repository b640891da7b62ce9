"""What the stack needs on a machine, what of it is there, and how to get the rest."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from devstack.gateway.confinement import support
from devstack.local.components import components
from runtime.config import ROOT, Settings
from runtime.java import java
from runtime.layout import Layout
from runtime.maven import connector_modules, connectors_ready, jars_ready
from runtime.ports import is_free, is_local, listener
from runtime.stack_state import read_state

#: The stack with jobs stays below 6 GB; the rest is for the batch engine.
MEMORY_GB = 8
DISK_GB = 10
JAVA = 17


@dataclass(frozen=True)
class Finding:
    """One check's outcome."""

    check: str
    ok: bool
    found: str
    remedy: str = ""

    def document(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Run every check."""
    return [
        _python(),
        _environment(),
        _java(),
        _maven(),
        _git(),
        _jars(settings),
        _connectors(settings),
        _memory(),
        _disk(settings),
        *([_confinement()] if is_local(settings.clickhouse.host) else []),
        *_ports(settings),
    ]


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "Python 3.11", sys.version_info[:2] == (3, 11), found, "install python3.11 with venv, then: make setup"
    )


def _environment() -> Finding:
    """Every pinned package must be there in the pinned version."""
    lock = ROOT / "requirements.lock"
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s\\;]+)", lock.read_text(), re.MULTILINE)
    wrong = [f"{name} {wanted}" for name, wanted in pinned if _installed(name) != wanted]
    found = f"{sys.prefix}: " + (f"{len(wrong)} packages missing or different ({wrong[0]} …)" if wrong else "complete")
    return Finding("Python packages", not wrong, found, "" if not wrong else "make setup")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ""
    return done.stderr + done.stdout


def _java() -> Finding:
    match = re.search(r'version "(\d+)[^"]*"', _output([java(), "-version"]))
    ok = bool(match) and int(match[1]) == JAVA if match else False
    remedy = "" if ok else "install a JDK 17 (Debian: apt-get install openjdk-17-jdk-headless) and set JAVA_HOME"
    return Finding(f"Java {JAVA}", ok, match[0] if match else "not found", remedy)


def _maven() -> Finding:
    path = shutil.which("mvn")
    match = re.search(r"Apache Maven ([\d.]+)", _output([path, "-v"])) if path else None
    return Finding("Maven", bool(match), match[1] if match else "not found", "" if match else "apt-get install maven")


def _git() -> Finding:
    """`contracts check` compares the contracts with their committed past."""
    match = re.search(r"git version ([\d.]+)", _output(["git", "--version"]))
    return Finding("git", bool(match), match[1] if match else "not found", "" if match else "apt-get install git")


def _jars(settings: Settings) -> Finding:
    ok = jars_ready(settings.cache_dir.resolve())
    return Finding("third-party jars", ok, "complete" if ok else "missing or outdated", "" if ok else "make setup")


def _connectors(settings: Settings) -> Finding:
    ok = connectors_ready(settings.cache_dir.resolve())
    names = ", ".join(module.name for module in connector_modules())
    return Finding("connectors", ok, names if ok else f"not built as they are now: {names}", "" if ok else "make setup")


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    total = memory.total / 1024**3
    found = f"{total:.0f} GB, {memory.available / 1024**3:.0f} GB of it available"
    ok = total >= MEMORY_GB
    return Finding("memory", ok, found, "" if ok else f"{MEMORY_GB} GB; or lower POLYGLOT_FLINK__TASKMANAGER_MEMORY_MB")


def _disk(settings: Settings) -> Finding:
    """Look at the file systems of all that grows; name the one with the least room."""
    layout = Layout.at(settings.var_dir)
    lake = [Path(settings.lake_uri.removeprefix("file://"))] if settings.lake_uri.startswith("file:///") else []
    wanted = [layout.var, layout.kafka, layout.clickhouse, layout.checkpoints, layout.savepoints, *lake]
    folders = (next(there for there in (path, *path.parents) if there.exists()) for path in wanted)
    free, folder = min(((shutil.disk_usage(one).free / 1024**3, one) for one in folders), key=lambda found: found[0])
    ok = free >= DISK_GB
    return Finding(
        "disk", ok, f"{free:.0f} GB free in {folder}", "" if ok else f"{DISK_GB} GB; POLYGLOT_VAR_DIR moves it"
    )


def _confinement() -> Finding:
    """Ask the kernel whether it can keep the engine from files and addresses that SQL names."""
    offered = support()
    remedy = (
        "a kernel that confines it; until then the gateway refuses to start. POLYGLOT_GATEWAY__CONFINEMENT=off starts "
        "it all the same, and whoever may query it then relies on its reading of SQL alone (docs/howto/clickhouse.md)"
    )
    return Finding("confinement", offered.enough, offered.sentence, "" if offered.enough else remedy)


def _ports(settings: Settings) -> list[Finding]:
    state = read_state(Layout.at(settings.var_dir))
    own = {port for one in state.components.values() if one.alive for port in one.ports} if state else set()
    findings = []
    for component in components(settings):
        for port, setting in component.ports.items() if component.managed else ():
            used = port not in own and not is_free(port)
            found = f"used by {listener(port)}" if used else "used by this stack" if port in own else "free"
            remedy = f"stop that, or set {setting}" if used else ""
            findings.append(Finding(f"port {port} ({component.name})", not used, found, remedy))
    return findings
