"""What Python, the C library and chDB read while they work: what a confined engine must still be able to open.

Found by running the engine under strace with less and less. Left out on purpose although something tries them:
/etc/ssl, /etc/clickhouse-local, the interpreter's own file (for symbols in traces), /proc/self/loginuid.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SYSTEM: Final = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/urandom",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/kernel/mm/transparent_hugepage/enabled",
)
#: /proc/self is a link to the process that follows it: these stay as they are. Below task is schedstat for each thread,
#: without which chDB throws, catches and logs an exception in every thread of every query: 0.4 ms of a query of 2 ms.
#: An environ is there too; `confinement` empties it.
_OWN: Final = ("auxv", "cgroup", "maps", "stat", "statm", "status", "task")
_CGROUPS: Final = Path("/sys/fs/cgroup")
#: The limits of a container: version 2, then version 1.
_CGROUP_FILES: Final = (
    "cgroup.controllers",
    "cpu.max",
    "cpuset.cpus.effective",
    "memory.current",
    "memory.max",
    "memory.stat",
    "cpu.cfs_period_us",
    "cpu.cfs_quota_us",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
)
_LIBC: Final = re.compile(r"(/\S*)/libc[.-]\S*$", re.MULTILINE)


def runtime_reads() -> tuple[Path, ...]:
    """Return the files and folders to allow; call it in the process that will be confined.

    What this machine lacks is left out. The environment's folders are whole: they hold code, no secrets.
    """
    wanted = {Path(name).resolve() for name in (*_environment(), *_SYSTEM)}
    wanted |= set(_cgroup_files())
    kept = {path for path in wanted if path.exists() and not wanted.intersection(path.parents)}
    return (*sorted(kept), *(Path("/proc/self") / name for name in _OWN))


def _environment() -> Iterator[str]:
    """Yield the folders of Python's library, of the packages, and of the C library and those beside it."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)
    yield f"{sys.base_prefix}/lib"
    found = importlib.util.find_spec("chdb")  # does not import it
    if found and found.origin:
        yield str(Path(found.origin).parent.parent)
    yield from _LIBC.findall(Path("/proc/self/maps").read_text(encoding="utf-8"))


def _cgroup_files() -> Iterator[Path]:
    """Yield the limits of this process's group and of those above it: chDB sizes its pools and its memory by them."""
    folders = {_CGROUPS, _CGROUPS / "memory", _CGROUPS / "cpu"}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        for root in (_CGROUPS / controllers if controllers else _CGROUPS, _CGROUPS / "unified"):
            own = root / path.lstrip("/")
            folders |= {own, *(parent for parent in own.parents if parent.is_relative_to(root))}
    for folder in sorted(folders):
        for name in _CGROUP_FILES:
            if (folder / name).exists():
                yield (folder / name).resolve()
