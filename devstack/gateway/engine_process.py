"""The engine's process: ``python -m devstack.gateway.engine_process``, started by the server and by nobody else.

It confines itself before chDB is loaded, then serves one request a connection on sockets
that the server hands over. It ends when the server does: the control socket closes then.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import queue
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from devstack.gateway.bounds import settings_policy
from devstack.gateway.chdb_engine import Engine, write_config
from devstack.gateway.confinement import Rules, confine, runtime_reads
from devstack.gateway.limits import EngineLimits
from devstack.gateway.policy import Policy
from devstack.gateway.running import Hangups, Running
from devstack.gateway.statement import Statements
from devstack.gateway.wire import CONNECTION, SIGN_OF_LIFE, STOP, Peer

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
#: Numbers that connections get: the filter denies reading and writing them as files, as ``file(901)`` would.
_FIRST_NUMBER: Final = 900
_CONNECTIONS: Final = 48


def main() -> None:
    """Confine, open the store, serve."""
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--control", type=int, required=True)
    options.add_argument("--limits", type=EngineLimits.model_validate_json, required=True)
    given = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s engine %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server says when to end
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    write_config(given.data / "config" / "engine.xml", given.limits.max_memory_bytes)
    idle, numbers = _reserve()
    _confine(given.data, given.limits, (given.control, idle, *numbers))
    _serve(given.data, socket.socket(fileno=given.control), given.limits, idle, numbers)


def _reserve() -> tuple[int, list[int]]:
    """Occupy the numbers of connections with an idle socket, so that no file gets one; return that socket and them."""
    idle, other = socket.socketpair()
    other.close()
    numbers = list(range(_FIRST_NUMBER, _FIRST_NUMBER + _CONNECTIONS))
    for number in numbers:
        os.dup2(idle.fileno(), number, inheritable=False)
    return idle.detach(), numbers


def _confine(data: Path, limits: EngineLimits, sockets: tuple[int, ...]) -> None:
    os.chdir(data / "empty")  # chDB reads ./config.xml
    if limits.confinement == "off":
        log.warning("confinement is off: SQL that slips past the lists can reach this machine")
        return
    confine(
        Rules(
            read_write=(data / "store", data / "engine"),
            write_only=(data / "tmp",),
            read_only=(*runtime_reads(), data / "empty", data / "config"),
            max_file_bytes=limits.max_file_bytes,
            max_data_bytes=int(2.5 * limits.max_memory_bytes) + 1_000_000_000,
            sockets=sockets,
        )
    )


def _serve(data: Path, control: socket.socket, limits: EngineLimits, idle: int, numbers: list[int]) -> None:
    # chDB is loaded here, behind the walls: importing it starts threads.
    engine = Engine(data / "store", data / "config" / "engine.xml")
    policy = Policy(settings_policy(limits))
    policy.defined = engine.defined_names()
    running = Running()
    hangups = Hangups(running, engine.kill)
    statements = Statements(engine, policy, limits, running)
    # Threads stay: the engine takes more than a millisecond to get to know a new one.
    threads = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="statement")
    free: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        free.put(number)

    def serve_one(number: int) -> None:
        connection = socket.socket(fileno=number)
        try:
            statements.answer(Peer(connection), partial(hangups.watch, connection))
        finally:
            connection.shutdown(socket.SHUT_RDWR)
            connection.detach()
            os.dup2(idle, number, inheritable=False)  # closes the connection and keeps its number
            free.put(number)

    hello = {"version": engine.version, "timezone": engine.timezone, "revision": engine.revision}
    control.send(json.dumps(hello).encode())
    while True:
        try:
            word, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        except ConnectionError:  # the server was killed
            word, descriptors = b"", []
        if word == CONNECTION:
            number = free.get()
            os.dup2(descriptors[0], number, inheritable=False)
            os.close(descriptors[0])
            threads.submit(serve_one, number)
        elif word == SIGN_OF_LIFE:
            control.send(word)
        else:
            if word == STOP:
                engine.close()
            logging.shutdown()
            os._exit(0)  # threads of chDB may still run


if __name__ == "__main__":
    main()
