"""A seccomp filter: system calls that the engine has no use for return EPERM, whatever makes them.

The filter is classic BPF over struct seccomp_data (include/uapi/linux/seccomp.h). It allows what it does not name: it
stands behind Landlock, which keeps files, and closes what Landlock leaves open: programs, sockets, other processes,
and the parts of the kernel that an engine of SQL has no business with.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from typing import Final

from devstack.gateway.syscalls import (
    AS_FILES,
    AUDIT_ARCH,
    CLONE,
    CLONE3,
    DENIED,
    IOCTL,
    LAST_KNOWN,
    SECCOMP,
    UPON_SELF,
    ZERO_IS_SELF,
    Numbers,
)

# linux/seccomp.h
SECCOMP_SET_MODE_FILTER: Final = 1
SECCOMP_GET_ACTION_AVAIL: Final = 2
SECCOMP_FILTER_FLAG_TSYNC: Final = 1
SECCOMP_RET_KILL_PROCESS: Final = 0x80000000
SECCOMP_RET_ERRNO: Final = 0x00050000
SECCOMP_RET_ALLOW: Final = 0x7FFF0000

# linux/bpf_common.h
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_GREATER: Final = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_JUMP_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

# struct seccomp_data; both architectures are little endian, so the low half of an argument comes first.
_NUMBER: Final = 0
_ARCH: Final = 4
_ARGUMENTS: Final = 16

_X32_BIT: Final = 0x40000000  # asm/unistd.h, __X32_SYSCALL_BIT
_TIOCSTI: Final = 0x5412  # asm-generic/ioctls.h
_TIOCLINUX: Final = 0x541C
# linux/sched.h
_CLONE_THREAD: Final = 0x00010000
#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_CLONE_NEW: Final = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

_DENY: Final = SECCOMP_RET_ERRNO | errno.EPERM

#: A jump passes at most 255 steps, and a socket takes two in each of two arguments.
_MOST_SOCKETS: Final = 60

Instruction = tuple[int, int, int, int]

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def available() -> bool:
    """Whether the kernel takes filters, and this machine's system calls are among those we know."""
    machine = platform.machine()
    if machine not in AUDIT_ARCH:
        return False
    action = ctypes.c_uint32(SECCOMP_RET_ERRNO)
    return int(_libc.syscall(_of(SECCOMP, machine), SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action))) == 0


def install(sockets: Iterable[int] = ()) -> None:
    """Filter every thread of this process, for good; raise OSError if the kernel refuses.

    ``sockets`` are descriptors for send and recv only: reading or writing them as files is denied. PR_SET_NO_NEW_PRIVS
    must be set.
    """
    machine = platform.machine()
    program = assemble(machine, os.getpid(), tuple(sockets))
    code = b"".join(struct.pack("=HBBI", *step) for step in program)  # struct sock_filter
    place = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(place)))  # struct sock_fprog
    number = _of(SECCOMP, machine)
    result = int(_libc.syscall(number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, header))
    if result:
        problem = ctypes.get_errno()
        what = os.strerror(problem) if result < 0 else f"thread {result} has a filter of its own"
        raise OSError(problem, f"seccomp: {what}")


def assemble(machine: str, pid: int, sockets: tuple[int, ...] = ()) -> list[Instruction]:
    """Return the filter for a machine; raise KeyError for one that we do not know, ValueError for too many sockets."""
    if len(sockets) > _MOST_SOCKETS:
        raise ValueError(f"{len(sockets)} sockets are more than the {_MOST_SOCKETS} that the filter can tell apart")
    program: list[Instruction] = [
        _load(_ARCH),
        (_JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine]),
        _answer(SECCOMP_RET_KILL_PROCESS),  # a call of a 32-bit program: its numbers mean other calls
        _load(_NUMBER),
    ]
    if machine == "x86_64":
        program += [(_JUMP_ANY_BIT, 0, 1, _X32_BIT), _answer(_DENY)]
    program += [(_JUMP_GREATER, 0, 1, LAST_KNOWN), _answer(SECCOMP_RET_ERRNO | errno.ENOSYS)]
    if sockets:
        for numbers, positions in AS_FILES.values():
            tests = [step for at in positions for step in (_load(_ARGUMENTS + 8 * at), *_each(sockets, _DENY))]
            program += _when(_of(numbers, machine), [*tests, _answer(SECCOMP_RET_ALLOW)])
    # The flags of clone3 are behind a pointer, where no filter can look; the C library knows how to do without it.
    program += _when(_of(CLONE3, machine), [_answer(SECCOMP_RET_ERRNO | errno.ENOSYS)])
    program += _when(
        _of(CLONE, machine),
        [
            _load(_ARGUMENTS),
            (_JUMP_ANY_BIT, 0, 1, _CLONE_NEW),
            _answer(_DENY),
            (_JUMP_ANY_BIT, 1, 0, _CLONE_THREAD),
            _answer(_DENY),
            _answer(SECCOMP_RET_ALLOW),
        ],
    )
    for name, numbers in UPON_SELF.items():
        pids = (0, pid) if name in ZERO_IS_SELF else (pid,)
        tests = [_load(_ARGUMENTS), *_each(pids, SECCOMP_RET_ALLOW), _answer(_DENY)]
        program += _when(_of(numbers, machine), tests)
    # A terminal that was handed over takes no input from here.
    tests = [_load(_ARGUMENTS + 8), *_each((_TIOCSTI, _TIOCLINUX), _DENY), _answer(SECCOMP_RET_ALLOW)]
    program += _when(_of(IOCTL, machine), tests)
    for numbers in DENIED.values():
        program += _when(_of(numbers, machine), [_answer(_DENY)])
    return [*program, _answer(SECCOMP_RET_ALLOW)]


def _when(number: int, then: list[Instruction]) -> list[Instruction]:
    """Do ``then``, which ends in an answer, for one call; the accumulator holds the call's number before and after."""
    return [(_JUMP_EQUAL, 0, len(then), number), *then] if number >= 0 else []


def _each(values: Iterable[int], action: int) -> list[Instruction]:
    return [step for value in values for step in ((_JUMP_EQUAL, 0, 1, value), _answer(action))]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _answer(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)


def _of(numbers: Numbers, machine: str) -> int:
    return numbers[list(AUDIT_ARCH).index(machine)]
