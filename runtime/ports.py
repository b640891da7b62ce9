"""Who listens where on this machine."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable

import psutil

from runtime.config import LOOPBACK_HOSTS

RESERVED = range(20_000, 32_000)


def is_local(host: str) -> bool:
    """Whether `host` is this machine's loopback: only then does the stack start the service itself."""
    return host in LOOPBACK_HOSTS


def is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on the port now (connections in TIME_WAIT do not matter)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return not is_open(port, host)


def listener(port: int) -> str:
    """Describe the process that listens on the port, as far as we may see it."""
    try:
        pids = {
            connection.pid
            for connection in psutil.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        }
        for pid in pids:
            if pid:
                command = " ".join(psutil.Process(pid).cmdline())
                return f"pid {pid} ({command[:80]}{'…' if len(command) > 80 else ''})"
    except psutil.Error:
        pass
    return "another process"


def free_ports(count: int, *, run: int = 1, avoid: Iterable[int] = ()) -> list[int]:
    """Return `count` ports that were free a moment ago; each is the first of `run` consecutive free ones.

    They lie below the range from which the system picks ports for outgoing connections: a service that is down for
    a moment must not find its port taken by a client that happened to get it.
    """
    found: list[int] = []
    taken = set(avoid)
    while len(found) < count:
        base = secrets.choice(RESERVED)
        block = range(base, base + run)
        if not taken.intersection(block) and all(is_free(port) for port in block):
            found.append(base)
            taken.update(block)
    return found
