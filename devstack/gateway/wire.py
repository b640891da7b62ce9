"""What the two processes say to each other: frames over one Unix socket for each request.

A frame is one byte of kind, four bytes of length (little endian) and as many bytes of payload. The server sends ASK,
then the text and rows of the request in BODY frames, then END. The engine answers with one of

- ACCEPTED, then the result (in RESULT frames, or through the FIFO that ASK named), then DONE;
- FAILED at any time, which is the last frame.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

ASK: Final = b"Q"
BODY: Final = b"B"
END: Final = b"E"
ACCEPTED: Final = b"A"
RESULT: Final = b"R"
DONE: Final = b"D"
FAILED: Final = b"X"

#: On the control socket, one word a packet: a connection comes with it; an answer is owed; end.
CONNECTION: Final = b"connection"
SIGN_OF_LIFE: Final = b"alive"
STOP: Final = b"stop"

HEADER: Final = struct.Struct("<cI")
#: No frame is longer: senders cut what is.
LARGEST: Final = 4 * 1024 * 1024


class WireError(ConnectionError):
    """The other side is gone, or speaks another language."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return HEADER.pack(kind, len(payload)) + payload


def message(kind: bytes, document: dict[str, Any]) -> bytes:
    """Return a frame whose payload is JSON."""
    return frame(kind, json.dumps(document, separators=(",", ":")).encode())


def unpack(header: bytes) -> tuple[bytes, int]:
    """Return kind and length of a frame's payload; raise WireError for a length that no sender sends."""
    kind, size = HEADER.unpack(header)
    if size > LARGEST:
        raise WireError(f"a frame of {size} bytes")
    return kind, size


class Peer:
    """The engine's end of a connection: blocking."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a connected socket."""
        self._connection = connection

    def send(self, data: bytes) -> None:
        """Send whole frames."""
        self._connection.sendall(data)

    def receive(self) -> tuple[bytes, bytes]:
        """Return the next frame's kind and payload; raise WireError if there is none any more."""
        kind, size = unpack(self._exactly(HEADER.size))
        return kind, self._exactly(size)

    def discard(self) -> None:
        """Take what still comes until the other side closes: to close before it has read our last frame loses that."""
        with suppress(OSError):
            while self._connection.recv(LARGEST):
                pass

    def body(self) -> Iterator[bytes]:
        """Yield the payloads of BODY frames up to END."""
        while True:
            kind, payload = self.receive()
            if kind == END:
                return
            if kind != BODY:
                raise WireError(f"a frame of kind {kind!r} in a body")
            yield payload

    def _exactly(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self._connection.recv_into(view)
            if not count:
                raise WireError("the other process closed the connection")
            view = view[count:]
        return bytes(data)
