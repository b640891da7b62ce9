"""What the gateway costs: the same statements through it and by chDB alone, in turn, as ratios of one run.

    python -m benchmarks.gateway

chDB alone has no HTTP, no accounts, no lists and no walls. A ratio of 1 would be a gateway that costs nothing.
"""

from __future__ import annotations

import json
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROUNDS = 5
ROWS = 200_000
POINTS = 50
_TABLE = "CREATE TABLE t (a UInt64, b String, p Decimal(28, 12)) ENGINE = MergeTree ORDER BY a"
_BODY = "\n".join(f'{{"a":{row},"b":"x{row % 100}","p":"{row}.5"}}' for row in range(ROWS)).encode()
_READ = f"SELECT a, b, p FROM t LIMIT {5 * ROWS}"

Send = Callable[[str, bytes], int]


@contextmanager
def _gateway(folder: Path) -> Iterator[Send]:
    """Yield what sends a statement and rows to a gateway of its own, and returns the size of the answer."""
    password = secrets.token_urlsafe(16)
    users = folder / "users.json"
    users.touch(mode=0o600)
    users.write_text(json.dumps({"bench": {"password": password, "role": "admin"}}), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "devstack.gateway", "--port", str(port), "--data", str(folder / "data")]
    process = subprocess.Popen([*command, "--users", str(users)])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("bench", password), timeout=120) as client:
            _wait(client, process)
            yield lambda sql, rows: len(
                client.post("/", params={"query": sql}, content=rows).raise_for_status().content
            )
    finally:
        process.terminate()
        process.wait(60)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if client.get("/ping").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the gateway ended with {process.returncode}")


def _alone(folder: Path) -> Send:
    import chdb  # noqa: PLC0415 - it starts an engine

    connection = chdb.connect(str(folder / "alone"))

    def send(sql: str, rows: bytes) -> int:
        if not rows:
            return len(connection.query(sql, "TabSeparated").bytes() or b"")
        header, _, data_format = sql.partition(" FORMAT ")
        with connection.send_insert(header, data_format) as inserter:
            inserter.append(rows)
            inserter.finish()
        return 0

    return send


def _points(send: Send) -> int:
    return sum(send(f"SELECT a, b FROM t WHERE a = {row}", b"") for row in range(0, ROWS, ROWS // POINTS))


def main() -> None:
    """Print each figure: units a second through the gateway, by chDB alone, and their ratio."""
    works: dict[str, tuple[int, Callable[[Send], int]]] = {
        "rows inserted (JSONEachRow)": (ROWS, lambda send: send("INSERT INTO t FORMAT JSONEachRow", _BODY)),
        "rows read (RowBinary)": (5 * ROWS, lambda send: send(f"{_READ} FORMAT RowBinary", b"")),
        "rows read (JSONEachRow)": (5 * ROWS, lambda send: send(f"{_READ} FORMAT JSONEachRow", b"")),
        "queries for one row": (POINTS, _points),
    }
    with tempfile.TemporaryDirectory() as name, _gateway(Path(name)) as through:
        alone = _alone(Path(name))
        for send in (through, alone):
            send(_TABLE, b"")
        sys.stdout.write(f"{'per second, median of ' + str(ROUNDS):30} {'gateway':>12} {'chDB alone':>12}   ratio\n")
        for what, (units, work) in works.items():
            sizes, times = set(), {through: list[float](), alone: list[float]()}
            for _ in range(ROUNDS):
                for send, seconds in times.items():
                    began = time.perf_counter()
                    sizes.add(work(send))
                    seconds.append(time.perf_counter() - began)
            if len(sizes) != 1:
                raise RuntimeError(f"{what}: answers of different sizes: {sizes}")
            rates = [units / statistics.median(seconds) for seconds in times.values()]
            sys.stdout.write(f"{what:30} {rates[0]:12,.0f} {rates[1]:12,.0f}   {rates[0] / rates[1]:.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
