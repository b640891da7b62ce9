"""Who runs next: a bounded number of statements at a time, users in turn, none with all of the places."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devstack.gateway.errors import TOO_MANY_QUERIES, ClickHouseError


class FairQueue:
    """Places for statements.

    The next free place goes to the user who has waited longest for a turn, not to the next of the busiest user's
    requests. A user holds at most ``per_user`` of ``places``, so that another one always finds some.
    """

    def __init__(self, places: int, per_user: int, max_waiting: int, max_wait_s: float) -> None:
        """Take the bounds."""
        self._free = places
        self._per_user = per_user
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def place(self, user: str) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            ClickHouseError: too many wait already, or none was free in time (202).
        """
        await self._take(user)
        try:
            yield
        finally:
            self._give_back(user)

    async def _take(self, user: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turns = self._waiting.setdefault(user, deque())
        turns.append(turn)
        self._hand_on()
        if turn.done():
            return
        # One user's waiting requests leave room for those of others.
        if len(turns) > self._max_waiting // 2 or sum(map(len, self._waiting.values())) > self._max_waiting:
            self._withdraw(user, turn)
            raise ClickHouseError(TOO_MANY_QUERIES, f"Too many requests wait: {self._max_waiting}")
        try:
            async with asyncio.timeout(self._max_wait_s):
                await turn
        except TimeoutError:
            self._withdraw(user, turn)
            text = f"No place was free for {self._max_wait_s:.0f} s: too many simultaneous queries"
            raise ClickHouseError(TOO_MANY_QUERIES, text) from None
        except asyncio.CancelledError:
            self._withdraw(user, turn)
            raise

    def _withdraw(self, user: str, turn: asyncio.Future[None]) -> None:
        """Give up a turn, and the place if it came in the same moment."""
        turns = self._waiting.get(user)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._waiting[user]
        elif turn.done() and not turn.cancelled():
            self._give_back(user)

    def _give_back(self, user: str) -> None:
        self._held[user] -= 1
        if not self._held[user]:
            del self._held[user]
        self._free += 1
        self._hand_on()

    def _hand_on(self) -> None:
        while self._free and (user := self._next()) is not None:
            turns = self._waiting[user]
            turn = turns.popleft()
            if turns:
                self._waiting.move_to_end(user)  # others first, next time
            else:
                del self._waiting[user]
            self._free -= 1
            self._held[user] += 1
            if turn.cancelled():
                self._give_back(user)
            else:
                turn.set_result(None)

    def _next(self) -> str | None:
        return next((user for user in self._waiting if self._held[user] < self._per_user), None)
