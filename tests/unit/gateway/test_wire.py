"""Frames between the two processes: cut anywhere, too long, closed in the middle."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway import wire
from devstack.gateway.wire import HEADER, LARGEST, Peer, WireError, frame, message, unpack

frames = st.lists(st.tuples(st.sampled_from([wire.ASK, wire.BODY, wire.RESULT]), st.binary(max_size=50)), max_size=8)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(sent=frames, cuts=st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_frames_are_read_wherever_they_are_cut(sent, cuts):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        raw = b"".join(frame(kind, payload) for kind, payload in sent)
        peer, received, place, step = Peer(theirs), [], 0, 0

        def read():
            received.extend(peer.receive() for _ in sent)

        reader = threading.Thread(target=read)
        reader.start()
        while place < len(raw):
            size = cuts[step % len(cuts)]
            ours.sendall(raw[place : place + size])
            place, step = place + size, step + 1
        reader.join(10)
        assert received == sent


def test_a_message_is_compact_json(pair):
    ours, theirs = pair
    Peer(ours).send(message(wire.ASK, {"a": "ä\n", "b": [1]}))
    kind, payload = Peer(theirs).receive()
    assert (kind, json.loads(payload)) == (wire.ASK, {"a": "ä\n", "b": [1]})
    assert b" " not in payload


@pytest.mark.parametrize("size", [LARGEST + 1, 2**32 - 1])
def test_a_frame_that_no_sender_sends_is_refused_before_its_memory_is_taken(pair, size):
    ours, theirs = pair
    ours.sendall(HEADER.pack(wire.BODY, size))
    with pytest.raises(WireError, match=str(size)):
        Peer(theirs).receive()


def test_the_largest_frame_is_read():
    assert unpack(HEADER.pack(wire.RESULT, LARGEST)) == (wire.RESULT, LARGEST)
    assert unpack(frame(wire.END)) == (wire.END, 0)


@pytest.mark.parametrize("sent", [b"", b"B", frame(wire.BODY, b"abc")[:4], frame(wire.BODY, b"abc")[:-1]])
def test_a_connection_that_closes_in_the_middle_is_an_error(pair, sent):
    ours, theirs = pair
    ours.sendall(sent)
    ours.close()
    with pytest.raises(WireError, match="closed"):
        Peer(theirs).receive()


def test_a_body_ends_where_it_says(pair):
    ours, theirs = pair
    ours.sendall(
        frame(wire.BODY, b"a") + frame(wire.BODY) + frame(wire.BODY, b"b") + frame(wire.END) + frame(wire.BODY)
    )
    assert list(Peer(theirs).body()) == [b"a", b"", b"b"]


@pytest.mark.parametrize("kind", [wire.ASK, wire.DONE, b"\x00"])
def test_nothing_else_may_stand_in_a_body(pair, kind):
    ours, theirs = pair
    ours.sendall(frame(wire.BODY, b"a") + frame(kind))
    body = Peer(theirs).body()
    assert next(body) == b"a"
    with pytest.raises(WireError, match="in a body"):
        next(body)


def test_a_body_that_does_not_end_is_an_error(pair):
    ours, theirs = pair
    ours.sendall(frame(wire.BODY, b"a"))
    ours.close()
    body = Peer(theirs).body()
    assert next(body) == b"a"
    with pytest.raises(WireError):
        next(body)


def test_an_error_of_the_wire_is_one_of_the_system():
    # Whoever serves a connection takes it for a client that went.
    assert issubclass(WireError, OSError)
    assert not issubclass(WireError, asyncio.CancelledError)
