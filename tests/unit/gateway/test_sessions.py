"""Sessions and running statements, with an engine that only notes what it is told."""

from __future__ import annotations

import socket
import threading

import pytest

from devstack.gateway import sessions as module
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.running import Hangups, Running
from devstack.gateway.sessions import Sessions


class Connection:
    def __init__(self):
        self.restored = []
        self.closed = 0
        self.fails = False
        self.holds = "0"
        self.asked = 0

    def ask(self, sql):
        self.asked += 1
        return self.holds

    def restore(self, settings):
        if self.fails:
            raise ClickHouseError(62, "no")
        self.restored.append(dict(settings))

    def close(self):
        self.closed += 1


class Engine:
    def __init__(self):
        self.opened = []

    def open(self):
        self.opened.append(Connection())
        return self.opened[-1]


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(module, "time", Clock())
    monkeypatch.setattr(module, "_PATIENCE_S", 0)
    return module.time


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def sessions(engine, clock):
    return Sessions(engine, most=2, most_bytes=100)


def take(sessions, name="s", user="ann", check=False, timeout_s=60.0):
    return sessions.take(user, name, check, timeout_s)


def code(work):
    with pytest.raises(ClickHouseError) as error:
        work()
    return error.value.code


def test_temporary_tables_of_all_sessions_of_a_user_are_bounded(sessions):
    first, second, other = take(sessions, "a"), take(sessions, "b"), take(sessions, "a", user="bob")
    for session in (first, second, other):
        session.connection.holds = "60"
    sessions.weigh("ann", "a", False)
    assert first.connection.asked == 0, "a session without tables costs nothing"
    sessions.weigh("ann", "a", True)
    sessions.weigh("bob", "a", True)
    assert code(lambda: sessions.weigh("ann", "b", True)) == 241
    for session in (first, second, other):
        sessions.give_back(session, [])
    assert [session.connection.closed for session in (first, second, other)] == [0, 1, 0]
    assert take(sessions, "b").connection is not second.connection
    first = take(sessions, "a")
    sessions.weigh("ann", "a", False)
    assert first.connection.asked == 2, "one that has had tables is looked at again"


def test_a_session_is_one_connection_for_all_its_requests(sessions, engine):
    first = take(sessions)
    sessions.give_back(first, [])
    assert take(sessions) is first
    assert len(engine.opened) == 1
    assert engine.opened[0].closed == 0


def test_sessions_are_of_a_user_and_a_name(sessions, engine):
    assert take(sessions, "s", "ann") is not take(sessions, "s", "bob")
    assert take(sessions, "t", "ann").connection is engine.opened[2]


def test_one_request_at_a_time_has_a_session(sessions):
    session = take(sessions)
    assert code(lambda: take(sessions)) == 373
    assert code(lambda: take(sessions, check=True)) == 373
    sessions.give_back(session, [])
    assert take(sessions) is session


def test_a_request_waits_a_little_for_the_one_before_it(sessions, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 3600)
    session, taken = take(sessions), []
    waiting = threading.Thread(target=lambda: taken.append(take(sessions)), daemon=True)
    waiting.start()
    sessions.give_back(session, [])
    waiting.join(10)
    assert taken == [session]
    assert session.busy


def test_who_checks_gets_only_what_is_there(sessions, engine):
    assert code(lambda: take(sessions, check=True)) == 372
    assert engine.opened == []
    session = take(sessions)
    sessions.give_back(session, [])
    assert take(sessions, check=True) is session


@pytest.mark.parametrize(
    ("timeout_s", "idle_s", "there"),
    [(60, 60, True), (60, 61, False), (0, 1, True), (0, 2, False), (10**9, 3600, True), (10**9, 3601, False)],
)
def test_a_session_ends_when_it_was_idle_too_long(sessions, engine, clock, timeout_s, idle_s, there):
    sessions.give_back(take(sessions, timeout_s=timeout_s), [])
    clock.now += idle_s
    if there:
        take(sessions, check=True)
    else:
        assert code(lambda: take(sessions, check=True)) == 372
    assert engine.opened[0].closed == (not there)


def test_a_session_that_runs_does_not_end(sessions, engine, clock):
    session = take(sessions)
    clock.now += 10_000
    take(sessions, "t")
    assert engine.opened[0].closed == 0
    sessions.give_back(session, [])
    clock.now += 30
    assert take(sessions, check=True) is session


def test_each_request_says_anew_how_long_its_session_stays(sessions, clock):
    sessions.give_back(take(sessions, timeout_s=10), [])
    sessions.give_back(take(sessions, timeout_s=100), [])
    clock.now += 50
    take(sessions, check=True)


def test_the_session_that_was_idle_longest_makes_room(sessions, engine, clock):
    for name in ("a", "b"):
        sessions.give_back(take(sessions, name), [])
        clock.now += 1
    sessions.give_back(take(sessions, "a"), [])
    take(sessions, "c")
    assert [connection.closed for connection in engine.opened] == [0, 1, 0]
    assert code(lambda: take(sessions, "b", check=True)) == 372


def test_busy_sessions_make_no_room(sessions, engine):
    take(sessions, "a")
    take(sessions, "b")
    assert code(lambda: take(sessions, "c")) == 202
    assert len(engine.opened) == 2
    take(sessions, "c", user="bob")


def test_settings_of_a_request_do_not_stay(sessions, engine):
    session = take(sessions)
    sessions.remember("ann", "s", {"max_threads": "2", "format_csv_null_representation": r"'\\N'"})
    sessions.give_back(session, {"max_threads": "9", "extremes": "1"})
    assert engine.opened[0].restored == [{"max_threads": "2", "extremes": "DEFAULT"}]
    sessions.give_back(take(sessions), ["format_csv_null_representation"])
    assert engine.opened[0].restored[1] == {"format_csv_null_representation": r"'\\N'"}, "literals stay as they were"


def test_what_was_set_last_counts(sessions):
    session = take(sessions)
    sessions.remember("ann", "s", {"a": "1", "b": "2"})
    sessions.remember("ann", "s", {"a": "3"})
    assert session.settings == {"a": "3", "b": "2"}


def test_a_session_whose_settings_do_not_come_back_ends(sessions, engine):
    session = take(sessions)
    engine.opened[0].fails = True
    assert code(lambda: sessions.give_back(session, ["max_threads"])) == 62
    assert engine.opened[0].closed == 1
    again = take(sessions)
    assert again is not session, "it is not locked for ever"


def test_the_database_of_a_session_moves(sessions):
    session = take(sessions)
    assert session.database == "default"
    sessions.move("ann", "s", "d\n")
    assert session.database == "d"


def test_a_query_id_is_of_one_statement_at_a_time():
    running = Running()
    assert running.begin("m1", "q", "ann")
    assert not running.begin("m2", "q", "ann")
    assert not running.begin("m3", "q", "bob")
    assert running.begin("m4", "r", "bob")
    running.end("m1")
    assert running.begin("m5", "q", "bob")
    assert [running.runs(f"m{i}") for i in range(1, 6)] == [False, False, False, True, True]


def test_only_ones_own_statement_is_found_by_its_id():
    running = Running()
    running.begin("m1", "q", "ann")
    assert running.marker("q", "ann") == "m1"
    assert running.marker("q", "bob") is None
    assert running.marker("q", None) == "m1", "an admin's"
    assert running.marker("r", "ann") is None
    running.end("m1")
    running.end("m1")
    assert running.marker("q", "ann") is None


@pytest.fixture
def hangups():
    class Cancelled:
        def __init__(self):
            self.markers = []
            self.come = threading.Semaphore(0)

        def __call__(self, marker):
            self.markers.append(marker)
            self.come.release()
            if marker == "fails":
                raise RuntimeError(marker)

        def wait(self):
            assert self.come.acquire(timeout=10)

    cancelled = Cancelled()
    return Hangups(Running(), cancelled), cancelled


def test_a_statement_whose_client_goes_is_cancelled_until_it_ends(hangups, monkeypatch):
    monkeypatch.setattr("devstack.gateway.running._AGAIN_S", 0.001)
    watcher, cancelled = hangups
    ours, theirs = socket.socketpair()
    with ours, theirs, watcher.watch(theirs, "m"):
        ours.shutdown(socket.SHUT_WR)
        for _ in range(3):  # it may not have reached the engine at first
            cancelled.wait()
    assert set(cancelled.markers) == {"m"}
    assert watcher._gone == set()
    assert watcher._watched == {}


def test_only_the_statement_of_that_client_is_cancelled(hangups):
    watcher, cancelled = hangups
    pairs = [socket.socketpair() for _ in range(3)]
    with watcher.watch(pairs[0][1], "a"), watcher.watch(pairs[1][1], "b"), watcher.watch(pairs[2][1], "c"):
        pairs[0][0].sendall(b"a client that still sends has not gone")
        pairs[1][0].close()
        cancelled.wait()
    for pair in pairs:
        for one in pair:
            one.close()
    assert set(cancelled.markers) == {"b"}


def test_a_client_that_went_before_its_statement_began_is_seen(hangups):
    watcher, cancelled = hangups
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, watcher.watch(theirs, "m"):
        cancelled.wait()


def test_a_statement_that_cannot_be_cancelled_stops_no_other(hangups, caplog):
    watcher, cancelled = hangups
    first, second = socket.socketpair(), socket.socketpair()
    with watcher.watch(first[1], "fails"), watcher.watch(second[1], "m"):
        first[0].close()
        cancelled.wait()
        second[0].close()
        while "m" not in cancelled.markers:
            cancelled.wait()
    for one in (*first, *second):
        one.close()
    assert "could not be cancelled" in caplog.text
