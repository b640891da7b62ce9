"""Landlock through its three system calls: the process gives up every file and TCP port except those it lists.

Numbers and names are those of the kernel's include/uapi/linux/landlock.h; the calls have the same numbers on every
architecture. Only the calling thread and its later children are restricted, for good.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SYS_LANDLOCK_CREATE_RULESET: Final = 444
SYS_LANDLOCK_ADD_RULE: Final = 445
SYS_LANDLOCK_RESTRICT_SELF: Final = 446
LANDLOCK_CREATE_RULESET_VERSION: Final = 1
LANDLOCK_RULE_PATH_BENEATH: Final = 1

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
REMOVE_DIR: Final = 1 << 4
REMOVE_FILE: Final = 1 << 5
MAKE_CHAR: Final = 1 << 6
MAKE_DIR: Final = 1 << 7
MAKE_REG: Final = 1 << 8
MAKE_SOCK: Final = 1 << 9
MAKE_FIFO: Final = 1 << 10
MAKE_BLOCK: Final = 1 << 11
MAKE_SYM: Final = 1 << 12
REFER: Final = 1 << 13  # ABI 2: link and rename between folders
TRUNCATE: Final = 1 << 14  # ABI 3
IOCTL_DEV: Final = 1 << 15  # ABI 5

NET_BIND_TCP: Final = 1 << 0  # ABI 4
NET_CONNECT_TCP: Final = 1 << 1
SCOPE_ABSTRACT_UNIX_SOCKET: Final = 1 << 0  # ABI 6
SCOPE_SIGNAL: Final = 1 << 1

#: Below this a file that may only be read can still be cut to nothing.
LEAST_ABI: Final = 3

READ: Final = READ_FILE | READ_DIR
#: No devices, sockets, FIFOs or programs: the engine makes none.
CHANGE: Final = READ | WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | MAKE_SYM | REMOVE_FILE | REMOVE_DIR | REFER
#: The rights that a rule on something other than a folder may name.
_OF_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
#: Handles on the paths of rules, kept open as long as the process: procfs makes a new inode when it has forgotten a
#: name, and a rule holds for the inode that it was made with.
_held: Final[list[int]] = []


def abi() -> int:
    """Return the kernel's Landlock version; 0 where it has none, or it was not switched on at boot."""
    version = _libc.syscall(SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_CREATE_RULESET_VERSION)
    return max(int(version), 0)


def restrict(rules: Iterable[tuple[Path, int]]) -> None:
    """Allow the given rights below the given paths and nothing else; raise OSError naming the call or the path.

    PR_SET_NO_NEW_PRIVS must be set.
    """
    version = abi()
    handled = _file_rights(version)
    scopes = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL
    # struct landlock_ruleset_attr, which grew with the versions.
    attributes = struct.pack("=Q", handled)
    if version >= 4:
        attributes += struct.pack("=Q", NET_BIND_TCP | NET_CONNECT_TCP)
    if version >= 6:
        attributes += struct.pack("=Q", scopes)
    ruleset = _call("landlock_create_ruleset", SYS_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        _call("landlock_restrict_self", SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    _held.append(place)
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= _OF_FILES
    beneath = struct.pack("=Qi", rights, place)  # struct landlock_path_beneath_attr, packed
    _call(f"landlock_add_rule for {path}", SYS_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, beneath, 0)


def _file_rights(version: int) -> int:
    known = {1: MAKE_SYM, 2: REFER, 3: TRUNCATE, 4: TRUNCATE}.get(version, IOCTL_DEV)
    return (known << 1) - 1


def _call(name: str, number: int, *arguments: int | bytes) -> int:
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(_libc.syscall(number, *wide))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)} ({errno.errorcode.get(code, code)})")
    return result
