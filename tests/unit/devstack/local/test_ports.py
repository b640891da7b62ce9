import os
import socket

import pytest

from runtime.ports import free_ports, is_free, is_local, is_open, listener


@pytest.fixture
def server():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        yield bound.getsockname()[1]


def test_a_listening_port_is_open_and_names_its_owner(server):
    assert is_open(server)
    assert not is_free(server)
    assert listener(server).startswith(f"pid {os.getpid()} (")


def test_a_closed_port_is_free():
    (port,) = free_ports(1)
    assert is_free(port)
    assert not is_open(port)


def test_free_ports_are_runs_that_do_not_overlap():
    starts = free_ports(4, run=2)
    used = [port for start in starts for port in (start, start + 1)]
    assert len(set(used)) == 8
    assert all(is_free(port) for port in used)


def test_free_ports_skip_what_the_caller_has_planned():
    (first,) = free_ports(1)
    assert first not in free_ports(20, avoid=[first])


@pytest.mark.parametrize(("host", "local"), [("127.0.0.1", True), ("localhost", True), ("kafka.example", False)])
def test_only_loopback_is_ours_to_start(host, local):
    assert is_local(host) is local
