"""The real engine behind its walls: it does its work, and no SQL reaches what is outside.

One confined process serves the whole module, and one that is not: each attack must succeed there, or it shows nothing.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from devstack.gateway.confinement import support

from .confined_engine import ROOT, EngineError, Outside, Process

pytestmark = pytest.mark.skipif(not support().enough, reason=support().sentence)


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    engine = Process(tmp_path_factory.mktemp("confined"))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Without walls."""
    engine = Process(tmp_path_factory.mktemp("free"), confined=False)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    (tmp_path / "canary").write_text("1\tcanary\n")
    (tmp_path / "1.csv").write_text("1,canary\n")
    with closing(sqlite3.connect(tmp_path / "db")) as database:
        database.execute("create table t as select 'canary' a")
        database.commit()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield Outside(tmp_path, listener)
        listener.shutdown(socket.SHUT_RDWR)


# What it is for -------------------------------------------------------------------------------------------------------


def test_a_million_rows(confined: Process) -> None:
    confined.sql("create database m")
    confined.sql("create table m.t (a UInt64, b String) engine = MergeTree order by a")
    confined.sql("insert into m.t select number, toString(number) from numbers(1000000)")
    confined.sql("insert into m.t select number + 1000000, 'x' from numbers(1000)")
    confined.sql("optimize table m.t final")
    assert confined.sql("select count(), sum(a) from m.t") == f"1001000\t{1_001_000 * 1_000_999 // 2}"
    assert confined.sql("select count() from system.parts where database = 'm' and table = 't' and active") == "1"
    confined.sql("alter table m.t add column c Int32 default 7")
    confined.sql("alter table m.t update c = 8 where a < 10 settings mutations_sync = 2")
    confined.sql("alter table m.t delete where a >= 1000000 settings mutations_sync = 2")
    assert confined.sql("select count(), sum(c) from m.t") == "1000000\t7000010"
    confined.sql("create table m.u engine = MergeTree order by a as select a, b from m.t where a < 1000")
    confined.sql("rename table m.u to m.v")
    confined.sql("alter table m.v detach partition tuple()")
    confined.sql("alter table m.v attach partition tuple()")
    assert confined.sql("select count() from m.v") == "1000"
    confined.sql("truncate table m.v")
    confined.sql("alter table m.t freeze")
    confined.sql("drop table m.v sync")


def test_parquet_through_a_fifo(confined: Process) -> None:
    fifo = confined.home / "pipes" / "result"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    confined.sql(f"select number n from numbers(1000000) into outfile '{fifo}' truncate format Parquet")
    reader.join(30)
    assert pq.read_table(io.BytesIO(read[0])).column("n").to_pylist()[-1] == 999_999
    # A pipe for results gives nothing back, and its neighbours have no names.
    with pytest.raises(EngineError, match="errno: 13"):
        confined.sql(f"select * from file('{fifo}', LineAsString)")
    assert confined.sql(f"select count() from file('{confined.home}/pipes/*', LineAsString)") == "0"
    with pytest.raises(EngineError, match="errno: 13"):
        confined.sql(f"select 1 into outfile '{confined.home}/pipes/new'")


def test_a_query_is_killed(confined: Process) -> None:
    assert "QUERY_WAS_CANCELLED" in confined.python("""
import threading, time
said = []
def run(own=connect()):
    try:
        own.query("select sum(sleep(1)) from numbers(60) settings max_block_size = 1", "TSV")
    except Exception as error:
        said.append(str(error))
thread = threading.Thread(target=run)
thread.start()
own = connect()
while not bytes(own.query("select 1 from system.processes where query like 'select sum(sleep%'", "TSV").bytes() or b""):
    time.sleep(0.05)
own.query("kill query where query like 'select sum(sleep%'", "TSV")
thread.join(20)
result = said[0]
""")


def test_rows_are_streamed_in_by_many_threads(confined: Process) -> None:
    confined.sql("create database s")
    confined.sql("create table s.t (a UInt64, b String) engine = MergeTree order by a")
    confined.python("""
import threading
def run(part):
    own = connect()
    insert = own.send_insert("insert into s.t (a, b)", "CSV")
    for row in range(2000):
        insert.append(f"{part},{row}\\n".encode())
    insert.finish()
    own.close()
threads = [threading.Thread(target=run, args=(part,)) for part in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
""")
    assert confined.sql("select count(), uniqExact(a) from s.t settings max_threads = 16") == "24000\t12"


def test_too_much_memory_is_an_error(confined: Process) -> None:
    with pytest.raises(EngineError, match=r"Code: 241"):
        confined.sql("select groupArray(repeat(toString(number), 100)) from numbers(50000000)")
    # Where the engine's own count does not hold, the kernel's does: an error again, not the end of the process.
    with pytest.raises(EngineError, match=r"Code: (173|241)|bad_alloc"):
        confined.sql(
            "select groupArray(repeat(toString(number), 1000)) from numbers(50000000) settings max_memory_usage = 0, "
            "max_untracked_memory = 1000000000000"
        )
    assert confined.sql("select 1") == "1"


def test_a_file_that_grows_too_large_ends_the_engine_and_costs_no_row(tmp_path: Path) -> None:
    """chDB goes on when a write fails: an error would leave a part that lacks its end, and says that it is whole."""
    engine = Process(tmp_path)
    engine.start()
    engine.sql("create database d")
    engine.sql("create table d.t (a UInt64, b String codec(NONE)) engine = MergeTree order by a")
    engine.sql("insert into d.t select number, 'kept' from numbers(1000)")
    with pytest.raises(AssertionError, match=f"ended with -{signal.SIGXFSZ}"):
        engine.sql(
            "insert into d.t select number, repeat('x', 1000) from numbers(400000) settings max_block_size = 400000,"
            "min_insert_block_size_rows = 400000, min_insert_block_size_bytes = 1000000000, max_threads = 1"
        )
    engine.peer.close()
    engine.start()
    assert engine.sql("select count(), sum(b = 'kept') from d.t") == "1000\t1000"
    engine.stop()


def test_a_store_outlives_its_process(tmp_path: Path) -> None:
    engine = Process(tmp_path)
    engine.start()
    engine.sql("create database d")
    engine.sql("create table d.t (a UInt64) engine = MergeTree order by a")
    engine.sql("insert into d.t select number from numbers(1000)")
    engine.process.kill()
    engine.process.wait()
    engine.peer.close()
    engine.start()
    assert engine.sql("select count() from d.t") == "1000"
    engine.sql("insert into d.t select number from numbers(1000)")
    engine.sql("drop table d.t sync")
    engine.stop()


# What it must not -----------------------------------------------------------------------------------------------------

READS = (
    "select * from file('{out}/canary', LineAsString)",
    "select * from `f\\x69le`('{out}/canary', LineAsString)",
    "select `f\\x69le`('{out}/canary')",
    "select file\u00a0('{out}/canary')",
    "select * from file('{out}/c*', LineAsString)",
    "select * from file('{home}/store/link', LineAsString)",
    "select * from file('{home}/store/folder/canary', LineAsString)",
    "select * from file('{home}/store/../engine/../../../../../../../..{out}/canary', LineAsString)",
    "select * from file('/proc/self/root{out}/canary', LineAsString)",
    "select * from file('/proc/self/cwd/../../../../../../../../..{out}/canary', LineAsString)",
    "select * from file('/proc/self/environ', LineAsString)",
    "select * from file('/proc/{pid}/environ', LineAsString)",
    "select * from file('/proc/1/cmdline', LineAsString)",
    "select * from file('/etc/hostname', LineAsString)",
    "select * from file('{root}/README.md', LineAsString)",
    "insert into attacks.t from infile '{out}/1.csv' format CSV; select * from attacks.t",
    "create table attacks.f{n} (a String) engine = File(LineAsString, '{out}/canary'); select * from attacks.f{n}",
    "create database attacks{n} engine = Filesystem('{out}'); select * from attacks{n}.`1.csv`",
    "select * from sqlite('{out}/db', 't')",
)
WRITES = (
    "select 1 into outfile '{out}/new'",
    "select 1 into\u00a0outfile '{out}/canary' truncate",
    "select 1 into outfile '{out}/canary' append",
    "insert into function file('{out}/new', TSV, 'a UInt8') values (1)",
    "insert into function `f\\x69le`('{out}/canary', TSV, 'a UInt8') values (1)",
    "insert into function file('{home}/store/link', TSV, 'a UInt8') values (1)",
    "insert into function file('{home}/store/folder/new', TSV, 'a UInt8') values (1)",
    "create table attacks.w{n} (a UInt8) engine = File(TSV, '{out}/new'); insert into attacks.w{n} values (1)",
    "create table attacks.w{n} (a UInt8) engine = MergeTree order by a"
    " settings disk = disk(type = local, path = '{out}/d/'); insert into attacks.w{n} values (1)",
    "create table attacks.w{n} (a UInt8) engine = MergeTree order by a"
    " settings disk = disk(type = 'local_blob_storage', path = '{out}/d/')",
    "create table attacks.w{n} (a UInt8) engine = EmbeddedRocksDB(0, '{out}/rocks') primary key a",
    "backup table attacks.t to File('{out}/backup')",
)
PROGRAMS = (
    "create dictionary attacks.d{n} (k UInt64, v String) primary key k layout(flat()) lifetime(0)"
    " source(executable(command 'touch {out}/ran' format 'CSV'));"
    " select dictGet('attacks.d{n}', 'v', toUInt64(1))",
)
CONNECTIONS = (
    "select * from url('http://127.0.0.1:{port}/', CSV, 'a String')",
    "select * from `ur\\x6c`('http://127.0.0.1:{port}/', CSV, 'a String')",
    "insert into function url('http://127.0.0.1:{port}/', CSV, 'a String') values ('x')",
    "select * from remote('127.0.0.1:{port}', system, one)",
    "select * from s3('http://127.0.0.1:{port}/bucket/key', 'k', 's', CSV, 'a String')",
    "select * from mysql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
    "select * from postgresql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
    "select * from redis('127.0.0.1:{port}', 'k', 'k String, v String')",
    "select * from mongodb('127.0.0.1:{port}', 'd', 't', 'u', 'p', 'a String')",
    "create table attacks.u{n} (a UInt8) engine = URL('http://127.0.0.1:{port}/', TSV); select * from attacks.u{n}",
)
#: Nothing to read, or the wrong kind of thing: these say nothing, confined or not.
SILENT = ("/c*'",)
_numbers = iter(range(1_000_000))


def attack(engine: Process, text: str, outside: Outside) -> str:
    """Return the result of the statements in ``text``; raise EngineError of the first that fails."""
    link, folder = engine.home / "store" / "link", engine.home / "store" / "folder"
    for path, target in ((link, outside.folder / "canary"), (folder, outside.folder)):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    engine.sql("create database if not exists attacks")
    engine.sql("create table if not exists attacks.t (a UInt64, b String) engine = MergeTree order by a")
    names = {"out": outside.folder, "home": engine.home, "root": ROOT, "pid": os.getpid(), "port": outside.port}
    said = ""
    for statement in text.format(**names, n=next(_numbers)).split("; "):
        said = engine.sql(statement)
    return said


@pytest.mark.parametrize("text", READS)
def test_no_file_outside_is_read(confined: Process, outside: Outside, text: str) -> None:
    before = outside.state()
    if any(sign in text for sign in SILENT):
        assert attack(confined, text, outside) == ""
    else:
        with pytest.raises(EngineError, match=r"errno: 13|Permission denied|unable to open database file"):
            attack(confined, text, outside)
    assert outside.state() == before


@pytest.mark.parametrize("text", WRITES)
def test_no_file_outside_is_changed(confined: Process, outside: Outside, text: str) -> None:
    before = outside.state()
    with pytest.raises(EngineError, match=r"errno: 13|Permission denied|NOT_ENOUGH_SPACE"):  # none where it may not be
        attack(confined, text, outside)
    assert outside.state() == before


@pytest.mark.parametrize("text", PROGRAMS)
def test_no_program_runs(confined: Process, outside: Outside, text: str) -> None:
    before = outside.state()
    with pytest.raises(EngineError, match="errno: 1, strerror: Operation not permitted"):
        attack(confined, text, outside)
    assert outside.state() == before


@pytest.mark.parametrize("text", CONNECTIONS)
def test_nothing_connects(confined: Process, outside: Outside, text: str) -> None:
    with pytest.raises(EngineError):
        attack(confined, text, outside)
    time.sleep(0.02)
    assert outside.knocks == []


def test_a_link_in_the_store_is_replaced_not_followed(confined: Process, outside: Outside) -> None:
    before = outside.state()
    attack(confined, "select 1 into outfile '{home}/store/link' truncate", outside)
    assert outside.state() == before


def test_the_environment_is_not_shown(confined: Process, free: Process) -> None:
    text = "select countSubstrings(line, 'not for SQL') from file('/proc/thread-self/environ', LineAsString)"
    assert free.sql(text) == "1"
    assert confined.sql(text) == "0"
    assert confined.python("result = os.environ['SECRET']") == "not for SQL"


def test_the_engine_cannot_end_its_group(confined: Process) -> None:
    """SYSTEM SHUTDOWN is kill(0, SIGTERM): the server, the shell, all that share the group."""
    with pytest.raises(EngineError, match=r"kill\(0, SIGTERM\) failed"):
        confined.sql("system shutdown")


def test_sql_does_not_reach_a_guarded_socket(confined: Process) -> None:
    number = confined.python("result = int(__import__('sys').argv[2])")
    confined.sql(f"insert into function file({number}, LineAsString, 'a String') values ('not an answer')")
    assert confined.sql(f"select count() from file({number}, LineAsString, 'a String')") == "0"
    assert confined.sql("select 1") == "1"


def test_each_attack_is_one(free: Process, outside: Outside) -> None:
    """Without walls every one of them reads, writes, runs or connects: else the tests above would prove nothing."""
    harmless = [text for text in READS if not attack(free, text, outside)]
    for text in WRITES + PROGRAMS:
        before = outside.state()
        with suppress(EngineError):
            attack(free, text, outside)
        harmless += [text] if outside.state() == before else []
    for text in CONNECTIONS:
        outside.knocks.clear()
        with pytest.raises(EngineError):
            attack(free, text, outside)
        harmless += [] if outside.knocks else [text]
    assert harmless == []
