"""A real gateway process on a free port and a folder of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from support.patience import wait_for

USERS = {
    "root": {"password": "r", "role": "admin"},
    "writer": {"password": "w", "role": "writer"},
    "reader": {"password": "r", "role": "reader"},
}


@dataclass
class Gateway:
    """The process, and clients of it."""

    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self.process = subprocess.Popen(self.command(self.port))
        process = self.process

        def answers() -> bool:
            if process.poll() is not None:
                pytest.fail("the gateway ended while starting")
            return httpx.get(f"{self.url}/ping", timeout=5).text == "Ok.\n"

        wait_for(answers, 90, "the gateway does not answer")

    def command(self, port: int) -> list[str]:
        """Return what starts a gateway on this folder, for these users."""
        users = self.data.with_name("users.json")
        users.touch(mode=0o600)
        users.write_text(json.dumps(USERS))
        options = {"--port": port, "--data": self.data, "--users": users}
        return [sys.executable, "-m", "devstack.gateway", *(str(word) for pair in options.items() for word in pair)]

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(signum)
        return self.process.wait(60)

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, user: str = "root", **options: Any) -> Client:
        """Return a clickhouse-connect client."""
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.port, username=user, password=str(USERS[user]["password"]), **options
        )

    def post(self, sql: str, user: str = "root", content: bytes = b"", **params: str) -> httpx.Response:
        """Send one statement over plain HTTP."""
        auth = (user, str(USERS[user]["password"]))
        return httpx.post(self.url, params={"query": sql, **params}, content=content, auth=auth, timeout=60)


def _running(folder: Path) -> Iterator[Gateway]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gateway = Gateway(folder / "data", port)
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.stop(signal.SIGKILL)
