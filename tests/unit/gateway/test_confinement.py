"""The walls themselves, without chDB: processes that confine themselves and then try."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.gateway import confinement, landlock, seccomp
from devstack.gateway.confinement import ConfinementError, Rules, confine, runtime_reads, support

ROOT = Path(__file__).parents[3]
here_only = pytest.mark.skipif(not support().enough, reason=support().sentence)

# What Landlock is asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("abi", "rights"), [(1, 0x1FFF), (2, 0x3FFF), (3, 0x7FFF), (4, 0x7FFF), (5, 0xFFFF), (7, 0xFFFF), (9, 0xFFFF)]
)
def test_every_right_that_the_kernel_knows_is_handled(abi: int, rights: int) -> None:
    assert landlock._file_rights(abi) == rights


@pytest.mark.parametrize(
    ("abi", "filters", "says"),
    [
        (7, True, "is confined: Landlock ABI 7"),
        (3, True, "is confined"),
        (2, True, r"Landlock ABI 2: ABI 3 is needed, which is Linux 6\.2"),
        (0, True, "no Landlock"),
        (7, False, "no seccomp filter"),
        (0, False, "no Landlock.*no seccomp"),
    ],
)
def test_support(monkeypatch: pytest.MonkeyPatch, abi: int, filters: bool, says: str) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: abi)
    monkeypatch.setattr(seccomp, "available", lambda: filters)
    found = support()
    assert found.enough == (abi >= 3 and filters)
    assert re.search(says, found.sentence)
    if not found.enough:
        with pytest.raises(ConfinementError, match=says):
            confine(Rules((), (), 1, 1))


def test_support_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement.sys, "platform", "darwin")
    assert not support().enough


# Processes that confine themselves ------------------------------------------------------------------------------------

TRY = """
import errno, json, os, socket, sys
from pathlib import Path
from devstack.gateway import landlock
from devstack.gateway.confinement import Rules, confine, runtime_reads
home, outside = Path(sys.argv[1]) / "home", Path(sys.argv[1]) / "outside"
os.chdir("/")
rules = dict(read_write=(home,), read_only=runtime_reads(), max_file_bytes=1 << 20, max_data_bytes=1 << 30)
def attempt(code):
    try:
        return eval(code)
    except OSError as error:
        return errno.errorcode[error.errno]
    except MemoryError:
        return "MemoryError"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("home", "outside", "pipes"):
        (tmp_path / name).mkdir()
    (tmp_path / "outside" / "canary").write_text("canary")
    (tmp_path / "home" / "own").write_text("own")
    (tmp_path / "home" / "link").symlink_to(tmp_path / "outside" / "canary")
    os.mkfifo(tmp_path / "pipes" / "fifo")
    return tmp_path


def run(folder: Path, code: str, *, fds: tuple[int, ...] = (), stdin: Any = subprocess.DEVNULL) -> Any:
    """Run ``code`` after TRY, and return what it put into ``result``."""
    ended = subprocess.run(
        [sys.executable, "-c", TRY + code + "\nprint(json.dumps(result))", str(folder), *map(str, fds)],
        env={"PYTHONPATH": str(ROOT), "SECRET": "secret", "POLYGLOT_STACK_ID": "this"},
        stdin=stdin,
        capture_output=True,
        text=True,
        pass_fds=fds,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def attempts(folder: Path, *code: str, setup: str = "confine(Rules(**rules))", **more: Any) -> dict[str, Any]:
    script = f"{setup}\nresult = {{code: attempt(code) for code in {list(code)!r}}}"
    return dict(run(folder, script, **more))


def state(folder: Path) -> dict[str, Any]:
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        about = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (content, about.st_mode, about.st_uid, about.st_nlink, about.st_mtime_ns)
    return found


@here_only
def test_files(folder: Path) -> None:
    before = state(folder / "outside")
    code = {
        "open(outside / 'canary').read()": "EACCES",
        "open(outside / 'canary', 'w')": "EACCES",
        "open(outside / 'canary', 'a')": "EACCES",
        "open(home / 'link').read()": "EACCES",
        "open(home / 'link', 'w')": "EACCES",
        "open(f'/proc/self/root{outside}/canary').read()": "EACCES",
        "open('/proc/self/environ').read()": "EACCES",
        "open(f'/proc/{os.getppid()}/environ').read()": "EACCES",
        "open('/proc/1/status').read()": "EACCES",
        "open('/etc/passwd').read()": "EACCES",
        "open('/etc/hostname').read()": "EACCES",
        f"open({str(ROOT / 'README.md')!r}).read()": "EACCES",
        "os.listdir(outside)": "EACCES",
        "os.listdir('/')": "EACCES",
        "os.truncate(outside / 'canary', 0)": "EACCES",
        "os.unlink(outside / 'canary')": "EACCES",
        "os.mkdir(outside / 'new')": "EACCES",
        "os.rmdir(outside)": "EACCES",
        "os.link(outside / 'canary', home / 'hard')": "EXDEV",
        "os.link(home / 'own', outside / 'hard')": "EACCES",
        "os.rename(outside / 'canary', home / 'moved')": "EACCES",
        "os.rename(home / 'own', outside / 'canary')": "EACCES",
        "os.symlink('/etc', outside / 'symlink')": "EACCES",
        "os.mkfifo(home / 'fifo')": "EACCES",
        "os.mknod(home / 'device', 0o20600, os.makedev(1, 1))": "EACCES",
        "os.chmod(home / 'own', 0o777)": None,  # fchmodat on aarch64; on x86_64 chmod is another call
        "os.chown(outside / 'canary', 1, 1)": "EPERM",
        "os.setxattr(outside / 'canary', 'user.a', b'')": "EPERM",
        "open('/dev/null', 'w').close()": None,
        "open('/dev/zero').close()": "EACCES",
        "len(open('/dev/urandom', 'rb').read(3))": 3,
        "open('/proc/self/maps').close()": None,
        "open(home / 'own').read()": "own",
        "os.rename(home / 'own', home / 'renamed')": None,
        "os.link(home / 'renamed', home / 'linked')": None,
        "os.mkdir(home / 'folder')": None,
        "os.rename(home / 'linked', home / 'folder' / 'linked')": None,
        "os.symlink('renamed', home / 'symlink')": None,
        "os.rmdir('/nowhere')": "ENOENT",
    }
    found = attempts(folder, *code)
    code["os.chmod(home / 'own', 0o777)"] = found["os.chmod(home / 'own', 0o777)"]
    assert found == code
    assert state(folder / "outside") == before


@here_only
def test_programs_sockets_and_other_processes(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code = [
            "os.fork()",
            "os.posix_spawn('/bin/true', ['true'], {})",
            "os.execv('/bin/true', ['true'])",
            "__import__('subprocess').run(['/bin/true'])",
            "os.system('true')",
            *(f"socket.socket(socket.{family})" for family in ("AF_INET", "AF_INET6", "AF_UNIX")),
            "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
            f"socket.create_connection(('127.0.0.1', {port}))",
            "socket.socketpair()",
            "os.kill(os.getppid(), 9)",
            "os.kill(0, 9)",
            "os.kill(-1, 9)",
            "os.killpg(os.getpgid(os.getppid()), 9)",
            "os.pidfd_open(os.getppid())",
            "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
            "os.sched_setaffinity(os.getppid(), [0])",
            "__import__('resource').prlimit(os.getppid(), 7, (1, 1))",
            "os.chroot('/')",
        ]
        found = attempts(folder, *code)
        assert found.pop("os.system('true')") != 0
        assert set(found.values()) == {"EPERM"}, found
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()


@here_only
def test_what_a_process_does_to_itself_works(folder: Path) -> None:
    code = {
        "os.kill(os.getpid(), 0)": None,
        "__import__('signal').raise_signal(0)": None,
        "os.sched_setaffinity(0, os.sched_getaffinity(0))": None,
        "__import__('resource').getrlimit(4)": [0, 0],
        "__import__('concurrent.futures').futures.ThreadPoolExecutor().submit(len, 'four').result()": 4,
    }
    assert attempts(folder, *code) == code


@here_only
def test_what_may_only_be_read_and_what_may_only_be_written(folder: Path) -> None:
    with (folder / "seen").open("w") as seen:
        seen.write("seen")
    setup = (
        "pipes = home.parent / 'pipes'; seen = home.parent / 'seen'; end = os.open(pipes / 'fifo', os.O_RDWR)\n"
        "rules['read_only'] += (seen,)\nconfine(Rules(**rules, write_only=(pipes,)))"
    )
    code = {
        "open(seen).read()": "seen",
        "open(seen, 'a')": "EACCES",
        "os.truncate(seen, 0)": "EACCES",
        "os.link(seen, home / 'seen')": "EXDEV",
        "os.write(os.open(pipes / 'fifo', os.O_WRONLY | os.O_TRUNC), b'1')": 1,
        "os.open(pipes / 'fifo', os.O_RDONLY | os.O_NONBLOCK)": "EACCES",
        "os.listdir(pipes)": "EACCES",
        "os.open(pipes / 'new', os.O_WRONLY | os.O_CREAT)": "EACCES",
        "os.unlink(pipes / 'fifo')": "EACCES",
        "os.symlink('/etc/passwd', pipes / 'new')": "EACCES",
        "os.rename(home / 'own', pipes / 'fifo')": "EACCES",
    }
    assert attempts(folder, *code, setup=setup) == code


@here_only
@pytest.mark.parametrize("abi", [3, 4, 5, 6])
def test_with_an_older_landlock(folder: Path, abi: int) -> None:
    setup = f"landlock.abi = lambda: {abi}\nconfine(Rules(**rules))"
    code = {
        "open(outside / 'canary').read()": "EACCES",
        "os.truncate(outside / 'canary', 0)": "EACCES",
        "socket.socket()": "EPERM",
        "open(home / 'own', 'w').close()": None,
    }
    assert attempts(folder, *code, setup=setup) == code


@here_only
def test_the_environment_is_there_for_the_process_and_not_for_readers_of_its_files(folder: Path) -> None:
    code = {
        "os.environ['SECRET']": "secret",
        "__import__('ctypes').CDLL(None).getenv(b'SECRET') != 0": True,
        "open('/proc/self/environ').read()": "EACCES",
        "os.environ['POLYGLOT_STACK_ID']": "this",
        "open('/proc/thread-self/environ').read().rstrip(chr(0))": "POLYGLOT_STACK_ID=this",
    }
    assert attempts(folder, *code) == code


@here_only
def test_bounds(folder: Path) -> None:
    code = {"len(bytearray(1 << 29))": 1 << 29, "len(bytearray(1 << 30))": "MemoryError"}
    assert attempts(folder, *code) == code
    with pytest.raises(AssertionError):  # SIGXFSZ
        attempts(folder, "open(home / 'large', 'wb').write(bytes(2 << 20))")
    assert (folder / "home" / "large").stat().st_size == 1 << 20


@here_only
def test_it_keeps_no_capability_that_the_store_does_not_need(folder: Path) -> None:
    confined = run(folder, "confine(Rules(**rules))\nresult = open('/proc/self/status').read()")
    found = dict(line.split(":\t", 1) for line in confined.splitlines() if ":\t" in line)
    assert int(found["CapEff"], 16) & ~0b1010 == 0
    assert int(found["CapPrm"], 16) & ~0b1010 == 0
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")


@here_only
def test_a_guarded_socket_sends_and_receives_and_is_no_file(folder: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.send(b"hello")
        number = theirs.fileno()
        setup = (
            "number = int(sys.argv[2])\npeer = socket.socket(fileno=number)\nconfine(Rules(**rules, sockets=(number,)))"
        )
        code = {
            "os.read(number, 9)": "EPERM",
            "os.write(number, b'forged')": "EPERM",
            "os.open(f'/proc/self/fd/{number}', os.O_RDWR)": "ENXIO",
            "peer.recv(9).decode()": "hello",
            "peer.send(b'true')": 4,
        }
        assert attempts(folder, *code, setup=setup, fds=(number,)) == code
        assert ours.recv(99) == b"true"


@here_only
@pytest.mark.parametrize(
    ("setup", "says"),
    [
        (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
            "2 threads run",
        ),
        ("rules['read_write'] = (Path('home'),)", "home is not an absolute path"),
        ("rules['read_only'] = (home / 'missing',)", "missing is not an absolute path of something that exists"),
        ("ends = os.pipe()", r"descriptor \d+ \(pipe:.*leads outside"),
        ("ends = socket.socketpair()", r"descriptor \d+ \(socket:.*leads outside"),
        ("canary = open(outside / 'canary')", r"descriptor \d+ \(.*canary\) leads outside"),
        ("ends = os.pipe(); rules['sockets'] = ends", r"descriptor \d+ \(pipe:.*is not a socket"),
        ("rules['sockets'] = tuple(range(100, 200))", "100 sockets are more"),
    ],
)
def test_what_it_refuses(folder: Path, setup: str, says: str) -> None:
    code = f"""
{setup}
try:
    confine(Rules(**rules))
    result = ""
except Exception as error:
    result = f"{{type(error).__name__}}: {{error}}"
"""
    found = run(folder, code)
    assert found.startswith("ConfinementError: ")
    assert re.search(says, found)


@here_only
def test_standard_input_must_not_lead_outside(folder: Path) -> None:
    read, write = os.pipe()
    try:
        code = "try:\n    confine(Rules(**rules))\nexcept Exception as error:\n    result = str(error)"
        assert "descriptor 0 (pipe:" in run(folder, code, stdin=read)
    finally:
        os.close(read)
        os.close(write)


def test_runtime_reads_has_code_and_the_machines_numbers_and_nothing_of_a_user() -> None:
    paths = runtime_reads()
    assert all(path.is_absolute() and path.exists() for path in paths)
    for private in (
        ROOT,
        Path.home(),
        Path("/etc"),
        Path("/home"),
        Path("/root"),
        Path("/proc"),
        Path("/"),
        Path("/sys"),
    ):
        assert not any(private.is_relative_to(path) for path in paths), private
    in_checkout = [path for path in paths if path.is_relative_to(ROOT)]
    assert all("site-packages" in str(path) or path.name.startswith("python3") for path in in_checkout)
    assert {path.name for path in paths if path.is_relative_to("/etc")} <= {"ld.so.cache", "localtime"}
    assert not {"environ", "mem", "fd", "root", "cwd"} & {path.name for path in paths}
