"""The walls around the engine: whatever SQL says, its process reaches its own folders and nothing else.

Landlock keeps files and TCP ports (`landlock`), a seccomp filter programs, sockets and other processes (`seccomp`);
root's capabilities go, and the sizes of files and memory are bounded. All of it holds for threads that start later and
none can be taken back. Threads that run already would stay free, and importing chDB starts an engine with a dozen:
`confine` comes first, and chDB, numpy and pyarrow are imported behind the walls.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import stat
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.gateway import landlock, seccomp
from devstack.gateway.runtime import runtime_reads

__all__ = ["ConfinementError", "Rules", "Support", "confine", "runtime_reads", "support"]

PR_SET_NO_NEW_PRIVS: Final = 38  # linux/prctl.h
_LINUX_CAPABILITY_VERSION_3: Final = 0x20080522  # linux/capability.h
#: CAP_DAC_OVERRIDE and CAP_FOWNER: root may keep a store that belongs to another user.
_KEPT_CAPABILITIES: Final = 1 << 1 | 1 << 3
#: The stack finds its processes by this variable (STACK_VARIABLE in runtime/process.py).
_SHOWN: Final = ("POLYGLOT_STACK_ID",)
#: Standard output and error, which go where the logs go: SQL can write there, at worst a line that looks like a log's.
_OUTPUT: Final = (1, 2)


class ConfinementError(RuntimeError):
    """The machine, or the process as it is, cannot be confined; the text says why."""


@dataclass(frozen=True)
class Rules:
    """What the engine may reach; every path is absolute and exists.

    ``write_only`` are folders whose files (FIFOs for results) may be written: neither read nor listed, and none made.
    ``sockets`` are the descriptors that lead out, for send and recv only: SQL can read and write a descriptor by its
    number, as in ``file(3)``, but only as a file.
    """

    read_write: tuple[Path, ...]
    read_only: tuple[Path, ...]
    max_file_bytes: int
    max_data_bytes: int
    write_only: tuple[Path, ...] = ()
    sockets: tuple[int, ...] = ()


@dataclass(frozen=True)
class Support:
    """What the kernel offers, and a sentence about it for people."""

    landlock: int
    seccomp: bool
    sentence: str

    @property
    def enough(self) -> bool:
        """Whether `confine` can do its work here."""
        return self.landlock >= landlock.LEAST_ABI and self.seccomp


def support() -> Support:
    """Find out what the kernel can do; changes nothing."""
    if sys.platform != "linux":
        return Support(0, False, "the engine can only be confined on Linux: run the local ClickHouse in a container")
    version, filters = landlock.abi(), seccomp.available()
    if version >= landlock.LEAST_ABI and filters:
        return Support(version, filters, f"the engine is confined: Landlock ABI {version}, seccomp filter")
    missing = []
    if version < landlock.LEAST_ABI:
        found = f"has Landlock ABI {version}" if version else "has no Landlock, or it is not switched on"
        missing.append(
            f"the kernel {found}: ABI {landlock.LEAST_ABI} is needed, which is Linux 6.2 or later with "
            "landlock in the boot parameter lsm= (in a container: a seccomp profile that allows landlock_* calls)"
        )
    if not filters:
        missing.append(
            f"no seccomp filter for {platform.machine()}: it needs CONFIG_SECCOMP_FILTER on x86_64 or aarch64"
        )
    return Support(version, filters, "the engine cannot be confined: " + "; ".join(missing))


def confine(rules: Rules) -> None:
    """Confine this process, for good; raise ConfinementError if the kernel cannot, or threads run already."""
    found = support()
    if not found.enough:
        raise ConfinementError(found.sentence)
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise ConfinementError(
            f"{threads} threads run already and would stay free: confine before importing chdb, numpy or pyarrow"
        )
    for path in (*rules.read_write, *rules.read_only, *rules.write_only):
        if not path.is_absolute() or not path.exists():
            raise ConfinementError(f"{path} is not an absolute path of something that exists")
    _check_descriptors(rules)
    try:
        _empty_environ()
        _bound(rules)
        _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _drop_capabilities()
        landlock.restrict(
            [
                *((path, landlock.CHANGE) for path in rules.read_write),
                *((path, landlock.READ) for path in rules.read_only),
                *((path, landlock.WRITE_FILE | landlock.TRUNCATE) for path in rules.write_only),
                (Path("/dev/null"), landlock.READ | landlock.WRITE_FILE),
            ]
        )
        seccomp.install(rules.sockets)
    except (OSError, ValueError) as error:
        raise ConfinementError(f"the engine cannot be confined: {error}") from error


def _check_descriptors(rules: Rules) -> None:
    """Refuse to keep a way out that is open already: no rule holds for a descriptor, and SQL can name its number."""
    inside = (*rules.read_write, *rules.read_only, *rules.write_only)
    for number in sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir()):
        try:
            kind = stat.S_IFMT(os.fstat(number).st_mode)
            target = Path(f"/proc/self/fd/{number}").readlink()
        except OSError:  # the handle of the listing itself
            continue
        if number in rules.sockets:
            if kind != stat.S_IFSOCK:
                raise ConfinementError(f"descriptor {number} ({target}) is not a socket: SQL could read and write it")
        elif number in _OUTPUT or not kind or str(target) == os.devnull:  # no kind: epoll, eventfd and the like
            continue
        elif kind == stat.S_IFSOCK or not any(target.is_relative_to(path) for path in inside):
            raise ConfinementError(f"descriptor {number} ({target}) leads outside: close it, or list it as a socket")


def _empty_environ() -> None:
    """Clear the memory that /proc/thread-self/environ shows, which SQL can read; the variables move, and stay set."""
    for name, value in os.environ.items():
        os.environ[name] = value  # setenv(3) copies
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    first, end = int(fields[47]), int(fields[48])  # proc_pid_stat(5): env_start is field 50, and the third comes first
    shown = b"".join(os.fsencode(f"{name}={os.environ[name]}\0") for name in _SHOWN if name in os.environ)
    if 0 < first < end - len(shown):
        ctypes.memset(first, 0, end - first)
        ctypes.memmove(first, shown, len(shown))


def _bound(rules: Rules) -> None:
    """Bound files and memory; no core is written.

    A file that grows beyond its bound ends the process, where Python would have it go on with an error: chDB drops the
    errors of write(2) (WriteBufferFromFileDescriptor.cpp in chdb-core), and a table would lack rows it acknowledged.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    for what, most in (
        (resource.RLIMIT_FSIZE, rules.max_file_bytes),
        (resource.RLIMIT_DATA, rules.max_data_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", _LINUX_CAPABILITY_VERSION_3, 0)
    sets = ctypes.create_string_buffer(24)  # twice effective, permitted, inheritable
    _call("capget", header, sets)
    words = struct.unpack("=6I", sets.raw)
    kept = (words[0] & _KEPT_CAPABILITIES, words[1] & _KEPT_CAPABILITIES, 0, 0, 0, 0)
    _call("capset", header, struct.pack("=6I", *kept))


def _call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    if getattr(libc, name)(*wide) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
