"""A process with the real engine, behind its walls or not, and what must stay as it is outside of them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
MEMORY = 1_000_000_000
#: Answers one JSON request after another on a socket: SQL, or Python with `connect` at hand that sets `result`.
CHILD = """
import json, os, socket, sys
from pathlib import Path
home, number, confined = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "confined"
os.chdir(home / "empty")
if confined:
    from devstack.gateway.confinement import Rules, confine, runtime_reads
    confine(Rules(
        read_write=(home / "store", home / "engine"), read_only=(*runtime_reads(), home / "engine.xml"),
        write_only=(home / "pipes",), max_file_bytes=1 << 28, max_data_bytes=3 << 30, sockets=(number,),
    ))
import chdb
def connect():
    return chdb.connect(f"{home}/store?config-file={home}/engine.xml")
connection = connect()
connection.query("set http_max_tries = 1, s3_retry_attempts = 0, postgresql_connection_pool_retries = 1", "TSV")
peer = socket.socket(fileno=number)
peer.send(b"{}")
while asked := peer.recv(1 << 20):
    asked = json.loads(asked)
    try:
        if "sql" in asked:
            result = bytes(connection.query(asked["sql"], "TSV").bytes() or b"").decode()
        else:
            names = {"connect": connect, "os": os}
            exec(asked["python"], names)
            result = names.get("result")
        answer = {"result": result}
    except BaseException as error:
        answer = {"error": f"{type(error).__name__}: {error}"[:4000]}
    peer.send(json.dumps(answer).encode())
connection.close()
os._exit(0)
"""
CONFIG = f"""<clickhouse>
  <max_server_memory_usage>{MEMORY}</max_server_memory_usage>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <custom_local_disks_base_directory>/</custom_local_disks_base_directory>
  <backups><allowed_path>/</allowed_path></backups>
</clickhouse>"""


class EngineError(Exception):
    """What the engine, or Python in its process, answered."""


@dataclass
class Process:
    """An engine of its own store."""

    home: Path
    confined: bool = True
    process: subprocess.Popen[bytes] = field(init=False)
    peer: socket.socket = field(init=False)

    def start(self) -> None:
        for folder in ("store", "engine", "pipes", "empty"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        (self.home / "engine.xml").write_text(CONFIG)
        self.peer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.peer.settimeout(120)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(self.home), str(theirs.fileno()), "confined" * self.confined],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={
                    "PYTHONPATH": str(ROOT),
                    "TMPDIR": str(self.home / "engine"),
                    "OPENBLAS_NUM_THREADS": "1",
                    "JE_MALLOC_CONF": "retain:false",
                    "SECRET": "not for SQL",
                },
            )
        assert self.peer.recv(16) == b"{}"

    def stop(self) -> None:
        self.peer.close()
        assert self.process.wait(60) == 0

    def ask(self, **request: str) -> Any:
        self.peer.send(json.dumps(request).encode())
        answer = self.peer.recv(1 << 20)
        assert answer, f"the engine ended with {self.process.wait(10)} after {request}"
        said = json.loads(answer)
        if "error" in said:
            raise EngineError(said["error"])
        return said["result"]

    def sql(self, text: str) -> str:
        return str(self.ask(sql=text)).strip()

    def python(self, code: str) -> Any:
        return self.ask(python=code)


@dataclass
class Outside:
    """What must stay as it is: a folder with a canary, and a port at which nobody knocks."""

    folder: Path
    listener: socket.socket
    knocks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def _listen(self) -> None:
        try:
            while True:
                accepted, (_, port) = self.listener.accept()
                self.knocks.append(port)
                accepted.close()
        except OSError:
            return

    def state(self) -> dict[str, tuple[bytes, int, int, int, int]]:
        found = {}
        for path in sorted(self.folder.rglob("*")):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[path.name] = (content, about.st_mtime_ns, about.st_mode, about.st_uid, about.st_nlink)
        return found
