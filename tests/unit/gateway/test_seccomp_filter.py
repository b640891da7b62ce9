"""The seccomp filter, run as a program for either architecture."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway import seccomp, syscalls
from devstack.gateway.confinement import support

ROOT = Path(__file__).parents[3]
here_only = pytest.mark.skipif(not support().enough, reason=support().sentence)

PID = 4321
ALLOW, EPERM, ENOSYS = seccomp.SECCOMP_RET_ALLOW, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
MACHINES = tuple(syscalls.AUDIT_ARCH)
#: Calls that the engine lives by: x86_64, aarch64.
NEEDED = {
    "openat": (257, 56), "read": (0, 63), "write": (1, 64), "mmap": (9, 222), "futex": (202, 98), "exit": (60, 93),
    "accept4": (288, 242), "recvfrom": (45, 207), "sendto": (44, 206), "recvmsg": (47, 212), "linkat": (265, 37),
    "renameat2": (316, 276), "utimensat": (280, 88), "fchmodat": (268, 53), "prctl": (157, 167),
    "epoll_wait or epoll_pwait": (232, 22),
}  # fmt: skip


def verdict(machine: str, number: int, *arguments: int, arch: int | None = None, sockets: tuple[int, ...] = ()) -> int:
    """Run the filter as the kernel does."""
    program = seccomp.assemble(machine, PID, sockets)
    assert len(program) <= 4096
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, syscalls.AUDIT_ARCH[machine] if arch is None else arch, 0, *padded)
    accumulator, at = 0, 0
    while True:
        code, when_true, when_false, operand = program[at]
        assert all(0 <= part <= 255 for part in (when_true, when_false))
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x15:
                at += when_true if accumulator == operand else when_false
            case 0x25:
                at += when_true if accumulator > operand else when_false
            case 0x45:
                at += when_true if accumulator & operand else when_false
            case 0x06:
                return operand
            case _:
                pytest.fail(f"not an instruction: {code}")


def of(numbers: tuple[int, int], machine: str) -> int:
    return numbers[MACHINES.index(machine)]


@pytest.mark.parametrize("machine", MACHINES)
class TestFilter:
    @pytest.mark.parametrize("name", syscalls.DENIED)
    def test_what_is_denied(self, machine: str, name: str) -> None:
        number = of(syscalls.DENIED[name], machine)
        assert number < 0 or verdict(machine, number, 1, 2, 3, 4, 5, 6) == EPERM

    @pytest.mark.parametrize("name", NEEDED)
    def test_what_stays(self, machine: str, name: str) -> None:
        assert verdict(machine, of(NEEDED[name], machine), 3, 2, 1) == ALLOW
        assert verdict(machine, of(NEEDED[name], machine), 3, 2, 1, sockets=(900, 901)) == ALLOW

    def test_threads_but_no_processes(self, machine: str) -> None:
        clone = of(syscalls.CLONE, machine)
        thread = 0x3D0F00  # as in glibc's pthread_create
        assert verdict(machine, clone, thread) == ALLOW
        assert verdict(machine, clone, 0x1200011) == EPERM  # fork: CLONE_CHILD_SETTID | _CLEARTID | SIGCHLD
        assert verdict(machine, clone, 0x4111) == EPERM  # posix_spawn: CLONE_VM | CLONE_VFORK | SIGCHLD
        for new in (17, 25, 26, 27, 28, 29, 30):  # CLONE_NEW…
            assert verdict(machine, clone, thread | 1 << new) == EPERM
        assert verdict(machine, of(syscalls.CLONE3, machine), 1 << 40, 88) == ENOSYS

    @pytest.mark.parametrize("name", syscalls.UPON_SELF)
    def test_only_on_itself(self, machine: str, name: str) -> None:
        number = of(syscalls.UPON_SELF[name], machine)
        assert verdict(machine, number, PID) == ALLOW
        assert verdict(machine, number, 0) == (ALLOW if name in {"prlimit64", "sched_setaffinity"} else EPERM)
        for other in (1, PID + 1, 2**32 - 1, 2**64 - 1, 2**64 - PID):
            assert verdict(machine, number, other) == EPERM

    def test_a_terminal_takes_no_input_from_here(self, machine: str) -> None:
        assert verdict(machine, of(syscalls.IOCTL, machine), 2, 0x5412) == EPERM
        assert verdict(machine, of(syscalls.IOCTL, machine), 2, 0x541C) == EPERM
        assert verdict(machine, of(syscalls.IOCTL, machine), 2, 0x5401) == ALLOW

    @pytest.mark.parametrize("name", syscalls.AS_FILES)
    def test_sockets_are_no_files(self, machine: str, name: str) -> None:
        numbers, positions = syscalls.AS_FILES[name]
        sockets = (*range(900, 950), 7)
        for position in positions:
            for number in sockets:
                arguments = [3] * 6
                arguments[position] = number
                assert verdict(machine, of(numbers, machine), *arguments, sockets=sockets) == EPERM
        assert verdict(machine, of(numbers, machine), *[3] * 6, sockets=sockets) == ALLOW
        assert verdict(machine, of(numbers, machine), *[7] * 6) == ALLOW

    def test_calls_of_another_architecture_end_the_process(self, machine: str) -> None:
        for arch in (0x40000003, 0x40000028, 0xC0000016, 0):  # i386, arm, s390x
            assert verdict(machine, 0, arch=arch) == seccomp.SECCOMP_RET_KILL_PROCESS

    def test_calls_newer_than_the_filter_do_not_exist(self, machine: str) -> None:
        assert verdict(machine, syscalls.LAST_KNOWN) in {ALLOW, EPERM}
        for number in (syscalls.LAST_KNOWN + 1, 1000, 2**30 - 1):
            assert verdict(machine, number) == ENOSYS

    @given(number=st.integers(0, 2**32 - 1), first=st.integers(0, 2**64 - 1))
    def test_every_call_has_an_answer(self, machine: str, number: int, first: int) -> None:
        answer = verdict(machine, number, first, sockets=(5, 900))
        assert answer in {ALLOW, EPERM, ENOSYS}
        if machine == "x86_64" and number & 0x40000000:  # x32 has the same architecture and numbers of its own
            assert answer == EPERM


def test_too_many_sockets() -> None:
    with pytest.raises(ValueError, match="61 sockets"):
        seccomp.assemble("x86_64", PID, tuple(range(61)))


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_numbers_are_the_kernels(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"{header} is not installed")
    found = re.findall(r"^#define\s+__NR(?:3264)?_(\w+)\s+(\d+)", Path(header).read_text(), re.MULTILINE)
    kernel = {name: int(number) for name, number in found}
    ours = {**syscalls.DENIED, **syscalls.UPON_SELF, **{name: pair[0] for name, pair in syscalls.AS_FILES.items()}}
    ours |= {"clone": syscalls.CLONE, "clone3": syscalls.CLONE3, "seccomp": syscalls.SECCOMP, "ioctl": syscalls.IOCTL}
    newest = max(kernel.values())
    for name, numbers in ours.items():
        number = of(numbers, machine)
        if number <= newest or name in kernel:  # headers may be older than we are
            assert kernel.get(name, -1) == number, name
