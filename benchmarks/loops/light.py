"""The light loop: the venue's JSON in, copies out, numbered, JSON out.

Started by ``python -m benchmarks.loops.light <task>``.

No envelope, no contract, no gate; prices stay the venue's texts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from orjson import dumps, loads

from benchmarks.loops.clients import Sender, Task, batches, say

#: How many ids are remembered at least.
REMEMBERED = 500_000

#: Keys and values.
Out = Iterable[tuple[str, bytes]]


class Recent:
    """A set that forgets: what was not seen for `REMEMBERED` other ids may be new again."""

    def __init__(self) -> None:
        self._new: set[Any] = set()
        self._old: set[Any] = set()

    def add(self, one: Any) -> bool:
        """Return whether it is new, and remember it."""
        if one in self._new or one in self._old:
            return False
        self._new.add(one)
        if len(self._new) >= REMEMBERED:
            self._new, self._old = set(), self._new
        return True


def fresh() -> Callable[[bytes], dict[str, Any] | None]:
    """Return a function that reads a frame; it returns None for one that it has seen."""
    recent = Recent()

    def read(value: bytes) -> dict[str, Any] | None:
        frame: dict[str, Any] = loads(value)["data"]
        number = frame["t"] if frame["e"] == "trade" else frame["u"]
        return frame if recent.add((frame["s"], frame["e"], number)) else None

    return read


class Numbers:
    """Numbers the trades, and the quotes, of each symbol: 1, 2, 3 …"""

    def __init__(self) -> None:
        self._read = fresh()
        self._last: dict[tuple[str, str], int] = {}

    def add(self, value: bytes) -> Out:
        """Return what a frame becomes: its key and value, nothing for a copy."""
        frame = self._read(value)
        if frame is None:
            return ()
        symbol, kind = frame["s"], frame["e"]
        seq = self._last[symbol, kind] = self._last.get((symbol, kind), 0) + 1
        if kind == "trade":
            out = {
                "kind": "trade", "symbol": symbol, "seq": seq, "id": frame["t"], "time": frame["T"],
                "price": frame["p"], "size": frame["q"], "side": "sell" if frame["m"] else "buy",
            }  # fmt: skip
        else:
            out = {
                "kind": "quote", "symbol": symbol, "seq": seq, "id": frame["u"], "time": frame["T"],
                "bid": frame["b"], "bid_size": frame["B"], "ask": frame["a"], "ask_size": frame["A"],
            }  # fmt: skip
        return ((symbol, dumps(out)),)

    def close(self) -> Out:
        """Return what is left at the end."""
        return ()


class Loop(Protocol):
    """What a light loop does to a frame, and at the end."""

    def add(self, value: bytes) -> Out: ...
    def close(self) -> Out: ...


def run(loop: Loop, task: Task) -> None:
    """Run a loop over the task's partitions."""
    sender, written = Sender(task), 0
    for messages in batches(task):
        for message in messages:
            for key, out in loop.add(message.value()):
                sender.send(key, out)
                written += 1
        sender.poll()
    for key, out in loop.close():
        sender.send(key, out)
        written += 1
    sender.close()
    say(written=written)


if __name__ == "__main__":
    run(Numbers(), Task.of(sys.argv[1]))
