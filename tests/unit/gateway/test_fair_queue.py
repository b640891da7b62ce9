"""Places are handed on in turn, within bounds, and none is lost whatever happens to who waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devstack.gateway.errors import ClickHouseError
from devstack.gateway.fair_queue import FairQueue


class Client:
    """One request of a user: it asks for a place, and keeps it until it is told to go."""

    def __init__(self, queue, user):
        self.user = user
        self.has_place = False
        self._go = asyncio.Event()
        self.task = asyncio.ensure_future(self._run(queue))

    async def _run(self, queue):
        async with queue.place(self.user):
            self.has_place = True
            try:
                await self._go.wait()
            finally:
                self.has_place = False

    def leave(self):
        self._go.set()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario(), 10))


def holders(clients):
    return [client.user for client in clients if client.has_place]


def test_users_take_turns_whoever_has_more_requests():
    async def scenario():
        queue = FairQueue(places=1, per_user=1, max_waiting=20, max_wait_s=60)
        first = Client(queue, "z")
        await settle()
        waiting = [Client(queue, user) for user in "aaaabbc"]
        await settle()
        order, current = [], first
        while waiting:
            current.leave()
            await settle()
            (current,) = [client for client in waiting if client.has_place]
            waiting.remove(current)
            order.append(current.user)
        current.leave()
        await settle()
        assert "".join(order) == "abcabaa"

    run(scenario)


def test_one_user_leaves_places_to_others():
    async def scenario():
        queue = FairQueue(places=3, per_user=2, max_waiting=20, max_wait_s=60)
        greedy = [Client(queue, "a") for _ in range(5)]
        await settle()
        assert sum(client.has_place for client in greedy) == 2
        other = Client(queue, "b")
        await settle()
        assert other.has_place, "a free place is not kept for those who have theirs"
        for client in (*greedy, other):
            client.leave()
            await settle()
        assert [client.task.done() for client in (*greedy, other)] == [True] * 6

    run(scenario)


def test_who_would_wait_behind_too_many_is_refused_at_once():
    async def scenario():
        queue = FairQueue(places=1, per_user=1, max_waiting=4, max_wait_s=60)
        clients = [Client(queue, user) for user in "abcde"]
        await settle()
        assert holders(clients) == ["a"]
        late = Client(queue, "f")
        await settle()
        with pytest.raises(ClickHouseError, match="Too many requests wait: 4") as error:
            await late.task
        assert error.value.code == 202
        clients[0].leave()
        await settle()
        again = Client(queue, "f")
        await settle()
        assert not again.task.done(), "who left made room"
        for client in (*clients, again):
            client.leave()
            await settle()

    run(scenario)


def test_one_user_cannot_fill_the_room_of_all_others():
    async def scenario():
        queue = FairQueue(places=2, per_user=1, max_waiting=8, max_wait_s=60)
        greedy = [Client(queue, "a") for _ in range(20)]
        await settle()
        assert sum(client.has_place for client in greedy) == 1
        assert sum(client.task.done() for client in greedy) == 15
        others = [Client(queue, "b"), Client(queue, "c")]
        await settle()
        assert others[0].has_place
        assert not others[1].task.done()
        for client in (*greedy, *others):
            client.leave()
            await settle()
        results = await asyncio.gather(*(client.task for client in greedy), return_exceptions=True)
        assert Counter(map(type, results)) == {ClickHouseError: 15, type(None): 5}

    run(scenario)


def test_who_waits_too_long_is_told():
    async def scenario():
        queue = FairQueue(places=1, per_user=1, max_waiting=4, max_wait_s=0.001)
        first = Client(queue, "a")
        await settle()
        late = Client(queue, "b")
        with pytest.raises(ClickHouseError, match="too many simultaneous queries") as error:
            await late.task
        assert (error.value.code, error.value.status) == (202, 503)
        first.leave()
        await settle()
        after = Client(queue, "b")
        await settle()
        assert after.has_place
        after.leave()
        await settle()

    run(scenario)


def test_a_place_that_comes_in_the_moment_of_the_timeout_is_not_lost():
    async def scenario():
        queue = FairQueue(places=1, per_user=1, max_waiting=4, max_wait_s=0)  # the timeout fires in the next turn
        async with AsyncExitStack() as place:
            await place.enter_async_context(queue.place("a"))
            late = asyncio.ensure_future(queue._take("b"))
            await asyncio.sleep(0)  # it waits now, and its timeout is due
        # the place was handed to it before the timeout could fire
        results = await asyncio.gather(late, return_exceptions=True)
        if results == [None]:
            queue._give_back("b")
        after = Client(queue, "c")
        await settle()
        assert after.has_place, "the place is lost"
        after.leave()
        await settle()

    run(scenario)


def test_a_place_that_comes_in_the_moment_of_a_cancellation_is_not_lost():
    async def scenario():
        queue = FairQueue(places=1, per_user=1, max_waiting=4, max_wait_s=60)
        for cancel_first in (True, False):
            async with AsyncExitStack() as place:
                await place.enter_async_context(queue.place("a"))
                gone = Client(queue, "b")
                await settle()
                if cancel_first:
                    gone.task.cancel()
            gone.task.cancel()
            await settle()
            assert gone.task.cancelled()
            after = Client(queue, "c")
            await settle()
            assert after.has_place, f"the place is lost, {cancel_first=}"
            after.leave()
            await settle()

    run(scenario)


def test_who_has_gone_does_not_count():
    async def scenario():
        queue = FairQueue(places=1, per_user=1, max_waiting=4, max_wait_s=60)
        first = Client(queue, "a")
        await settle()
        for _ in range(20):
            gone = Client(queue, "b")
            await settle()
            gone.task.cancel()
            await settle()
        waits = Client(queue, "b")
        await settle()
        assert not waits.task.done()
        first.leave()
        await settle()
        assert waits.has_place
        waits.leave()
        await settle()
        assert (queue._held, queue._waiting) == ({}, {}), "nothing is kept of users that are gone"

    run(scenario)


PLACES, PER_USER, WAITING = 3, 2, 6


class Model(RuleBasedStateMachine):
    """Clients come, leave, are cancelled, several of that between two turns of the loop."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clients = []
        self.loop.run_until_complete(self._open())

    async def _open(self):
        self.queue = FairQueue(PLACES, PER_USER, WAITING, max_wait_s=3600)

    def teardown(self):
        for client in self.clients:
            client.task.cancel()
        self._turn()
        assert self.queue._free == PLACES
        assert self.queue._held == {}
        assert self.queue._waiting == {}
        self.loop.close()

    def _turn(self):
        self.loop.run_until_complete(settle())
        for client in self.clients:
            if client.task.done() and not client.task.cancelled():
                error = client.task.exception()
                assert error is None or isinstance(error, ClickHouseError), error
        self.clients = [client for client in self.clients if not client.task.done()]

    @rule(users=st.text("abc", min_size=1, max_size=6))
    def come(self, users):
        async def start():
            self.clients += [Client(self.queue, user) for user in users]

        self.loop.run_until_complete(start())

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), again=st.booleans())
    def go(self, data, again):
        client = data.draw(st.sampled_from(self.clients))
        if data.draw(st.booleans()):
            client.leave()
        else:
            client.task.cancel()
        if again:
            client.leave()
            client.task.cancel()

    @rule()
    def turn(self):
        self._turn()

    @rule()
    def half_a_turn(self):
        self.loop.run_until_complete(asyncio.sleep(0))

    @invariant()
    def places_are_conserved(self):
        assert self.queue._free + sum(self.queue._held.values()) == PLACES
        assert 0 <= self.queue._free <= PLACES
        assert all(0 < held <= PER_USER for held in self.queue._held.values())
        assert all(self.queue._waiting.values()), "nobody waits in an empty row"

    @invariant()
    def bounds_are_kept(self):
        held = Counter(holders(self.clients))
        assert sum(held.values()) <= PLACES
        assert all(held[user] <= PER_USER for user in held)

    @invariant()
    def no_place_is_free_while_somebody_may_have_it(self):
        self._turn()
        held = Counter(holders(self.clients))
        waiting = {client.user for client in self.clients if not client.has_place}
        assert sum(held.values()) == PLACES - self.queue._free
        assert not (self.queue._free and any(held[user] < PER_USER for user in waiting))
        assert sum(not client.has_place for client in self.clients) <= WAITING


TestModel = Model.TestCase
