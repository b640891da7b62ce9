"""What each role may run, judged on the pinned engine's own reading of a text: by kind, by name, by setting."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.bounds import settings_policy
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.limits import EngineLimits
from devstack.gateway.policy import Policy, Verdict
from sql.clickhouse_text import TextError, check_plain

from .conftest import Engine, EngineError

ROLES = ("reader", "writer", "admin")


@dataclass
class Judge:
    """Reads and judges as the gateway does; a denial is its error code."""

    engine: Engine
    policy: Policy

    def __call__(self, role: str, sql: str | bytes) -> Verdict | int:
        check_plain(sql.encode() if isinstance(sql, str) else sql)
        try:
            return self.policy.judge(role, self.engine.canonical(sql))
        except ClickHouseError as error:
            return error.code


@pytest.fixture(scope="module")
def judge(engine):
    return Judge(engine, Policy(settings_policy(EngineLimits())))


#: Statements by the least role that may run them.
READER = (
    "SELECT 1",
    "select 1 limit 1",
    "(SELECT 1)",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "FROM numbers(3) SELECT number",
    "WITH 1 AS x SELECT x",
    "WITH x AS (SELECT 1) SELECT * FROM x",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT * FROM t",
    "SELECT * FROM (SELECT 1, 2) AS t(a, b)",
    "SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS t(a, b)",
    "SELECT sumIf(number, 1), quantilesState(0.5, 0.9)(number), countMerge(x) FROM numbers(3)",
    "SELECT arrayMap((x, y) -> x + y, [1], [2]), arrayFold((a, x) -> a, [1], 1)",
    "SELECT sum(a) OVER w, lag(b) OVER (PARTITION BY c ORDER BY d ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t "
    "WINDOW w AS (ORDER BY b)",
    "SELECT CAST(1 AS Decimal(3, 1)), 1::Nullable(Array(UInt8)), extract(year from now()), interval 1 day, x'41'",
    "SELECT * EXCEPT (a) REPLACE (b + 1 AS b), COLUMNS('x') APPLY (quantile(0.5)), * APPLY sum FROM t",
    "SELECT COLUMNS('x') APPLY (x -> x + sum(x)), untuple(t), grouping(a) FROM t GROUP BY GROUPING SETS ((a), (b))",
    "SELECT DISTINCT a FROM t FINAL SAMPLE 1 / 2 PREWHERE a GROUP BY a WITH ROLLUP HAVING b ORDER BY a WITH FILL "
    "LIMIT 1 BY a LIMIT 1 WITH TIES",
    "SELECT a.^b, a.b.:Int64, a.c[].d FROM t ARRAY JOIN x AS y LEFT ANY JOIN u USING (a) "
    "QUALIFY row_number() OVER () = 1",
    "SELECT freeze, t.file, url, executable, outfile, infile, `into outfile`, cluster FROM d.url WHERE url = 'file(1)'",
    "SELECT * FROM a JOIN b ON cluster = b.x",
    "SELECT format FROM t ORDER BY format",
    "SELECT 'INTO OUTFILE', 'file(1)', 'SETTINGS readonly = 0' -- file('x')",
    "SELECT settings, engine, source FROM t WHERE engine = 'File' AND settings = 1 AND set = 2",
    "SELECT engine FROM system.tables WHERE database = 'd' AND engine = x AND source = (1)",
    "SELECT * FROM format(CSV, 'default,x')",
    "SELECT * FROM format(JSONEachRow, 'a UInt8, b String', '{}')",
    "SELECT * FROM values('a UInt8, b String', (1, 'default'))",
    "SELECT * FROM values((1, 2), (3, 4)), values(1, 2), values([1, 2], [3]), values(-1), values(NULL)",
    "SELECT * FROM generateRandom('a Enum8(''x'' = 1)', 1, 2, 3) LIMIT 1",
    "SELECT * FROM null('a Int8'), view(SELECT 1), numbers(1), zeros_mt(1), generate_series(1, 2)",
    "SHOW TABLES",
    "SHOW TABLES FROM d LIKE 'x' FORMAT JSON",
    "SHOW CREATE TABLE d.t",
    "SHOW DATABASES",
    "SHOW SETTINGS LIKE 'x'",
    "SHOW CHANGED SETTINGS ILIKE 'x'",
    "SHOW SETTING max_threads",
    "DESCRIBE TABLE t",
    "DESC numbers(1)",
    "DESCRIBE (SELECT 1)",
    "EXISTS TABLE d.t",
    "EXISTS DATABASE d",
    "EXPLAIN SELECT 1",
    "EXPLAIN PLAN actions = 1 SELECT 1",
    "EXPLAIN SYNTAX SELECT 1 FORMAT JSON",
    "USE d",
    "SET max_threads = 1",
    "KILL QUERY WHERE query_id = 'a'",
    "CREATE TEMPORARY TABLE t (a UInt8)",
    "CREATE TEMPORARY TABLE t (a UInt8) ENGINE = Memory AS SELECT 1",
    "DROP TEMPORARY TABLE t",
    "DROP TEMPORARY TABLE IF EXISTS t",
)  # fmt: skip
WRITER = (
    "INSERT INTO t FORMAT CSV",
    "INSERT INTO t VALUES",
    "INSERT INTO t (a, b) SELECT 1, 2",
    "INSERT INTO url (a) SELECT 1",
    "INSERT INTO d.url (a) FORMAT CSV",
    "INSERT INTO TABLE s3 (a) FORMAT CSV",
    "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
    "INSERT INTO t SETTINGS async_insert = 1 FORMAT CSV",
    "INSERT INTO FUNCTION null('a UInt8') SELECT 1",
    "CHECK TABLE t",
)
ADMIN = (
    "CREATE TABLE t (a UInt8) ENGINE = Memory",
    "CREATE TABLE IF NOT EXISTS t (a UInt8 CODEC(Delta, ZSTD(1)), INDEX i a TYPE minmax) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE t (a Nullable(Decimal(9, 2)) DEFAULT 1, b Map(String, Array(UInt8)) MATERIALIZED map()) "
    "ENGINE = ReplacingMergeTree(v) PARTITION BY toYYYYMM(d) ORDER BY (a, b) TTL d + toIntervalDay(1) DELETE "
    "SETTINGS index_granularity = 8192",
    "CREATE OR REPLACE TABLE t ENGINE = Memory AS SELECT 1",
    "CREATE TABLE t AS u",
    "CREATE TABLE t (a UInt8) ENGINE = Merge('d', 'x')",
    "CREATE TABLE t (a UInt8) ENGINE = Buffer('d', 't', 1, 1, 1, 1, 1, 1, 1)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE MATERIALIZED VIEW v TO t AS SELECT 1",
    "CREATE MATERIALIZED VIEW v REFRESH EVERY 1 DAY TO t AS SELECT 1",
    "CREATE DATABASE d",
    "CREATE DATABASE d ENGINE = Atomic",
    "CREATE DICTIONARY d (a UInt64, b String DEFAULT 'x') PRIMARY KEY a SOURCE(CLICKHOUSE(TABLE 't' DB 'd')) "
    "LIFETIME(MIN 0 MAX 1) LAYOUT(HASHED())",
    "CREATE FUNCTION f AS (x, y) -> x + y",
    "DROP TABLE t",
    "DROP TABLE IF EXISTS d.t SYNC",
    "DROP VIEW v",
    "DROP DATABASE d",
    "DROP DICTIONARY d",
    "DROP FUNCTION f",
    "ALTER TABLE t ADD COLUMN a UInt8, DROP COLUMN b",
    "ALTER TABLE t MODIFY SETTING index_granularity = 1",
    "ALTER TABLE t RESET SETTING index_granularity",
    "ALTER TABLE t UPDATE a = 1 WHERE b",
    "ALTER TABLE t DELETE WHERE 1",
    "ALTER TABLE t ATTACH PARTITION 1 FROM u",
    "ALTER TABLE t MOVE PARTITION 1 TO TABLE u",
    "ALTER TABLE t DETACH PARTITION 1",
    "RENAME TABLE a TO b",
    "EXCHANGE TABLES a AND b",
    "TRUNCATE TABLE t",
    "OPTIMIZE TABLE t FINAL",
    "DELETE FROM t WHERE a = 1",
    "UPDATE t SET a = 1 WHERE b = 2",
    "DETACH TABLE t",
    "ATTACH TABLE t",
    "UNDROP TABLE t",
    "KILL MUTATION WHERE 1",
    "SYSTEM FLUSH LOGS",
    "SYSTEM STOP MERGES t",
    "SYSTEM RELOAD DICTIONARY d",
    "SELECT * FROM merge('d', 'x')",
    "SELECT * FROM dictionary('d')",
)
NOBODY = (
    # Other servers, files, programs: by kind
    "SELECT 1 INTO OUTFILE '/x'",
    "SELECT 1 into outfile '/x' truncate FORMAT RawBLOB",
    "SHOW TABLES INTO OUTFILE '/x'",
    "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
    "INSERT INTO t from infile '/etc/passwd' compression 'gzip' FORMAT CSV",
    "ATTACH TABLE t FROM '/x' (a UInt8) ENGINE = MergeTree ORDER BY a",
    "ATTACH DATABASE d",
    "DETACH DATABASE d",
    "CREATE TABLE t ON CLUSTER c (a UInt8) ENGINE = Memory",
    "ALTER TABLE t on cluster c DROP COLUMN a",
    "DROP TABLE t ON CLUSTER c",
    "CREATE TABLE t (a DateTime) ENGINE = MergeTree ORDER BY a TTL a TO DISK 'x'",
    "CREATE TABLE t (a DateTime) ENGINE = MergeTree ORDER BY a TTL a TO VOLUME 'x'",
    "ALTER TABLE t MOVE PARTITION 1 TO DISK 'x'",
    "ALTER TABLE t MOVE PART 'p' to volume 'x'",
    "ALTER TABLE t FREEZE",
    "ALTER TABLE t freeze partition 1",
    "ALTER TABLE t UNFREEZE WITH NAME 'x'",
    "ALTER TABLE t FETCH PARTITION 1 FROM '/x'",
    "CREATE TABLE a (x UInt8) ENGINE = Memory PARALLEL WITH CREATE TABLE b (x UInt8) ENGINE = Memory",
    "CREATE TEMPORARY VIEW v AS SELECT 1",
    "DROP DATABASE default",
    "DROP DATABASE `default` SYNC",
    "DROP DATABASE IF EXISTS default SYNC",
    "RENAME DATABASE default TO d",
    "TRUNCATE DATABASE default",
    "SYSTEM SHUTDOWN",
    "SYSTEM KILL",
    "SYSTEM RELOAD CONFIG",
    "SYSTEM UNFREEZE WITH NAME 'x'",
    "CREATE WORKLOAD w",
    "CREATE RESOURCE r (READ DISK d)",
    "MOVE USER u TO x",
    # by engine
    "CREATE TABLE t (a UInt8) ENGINE = File(CSV)",
    "CREATE TABLE t (a UInt8) engine File(CSV)",
    "CREATE TABLE t (a UInt8) ENGINE = URL('http://x', CSV)",
    "CREATE TABLE t (a UInt8) ENGINE = Executable('x', 'TSV')",
    "CREATE TABLE t (a UInt8) ENGINE = Distributed('c', 'd', 't')",
    "CREATE TABLE t (a UInt8) ENGINE = Kafka('h', 't', 'g', 'CSV')",
    "CREATE TABLE t (a UInt8) ENGINE = EmbeddedRocksDB PRIMARY KEY a",
    "CREATE TABLE t (a UInt8) ENGINE = ReplicatedMergeTree('/x', 'r') ORDER BY a",
    "CREATE TEMPORARY TABLE t (a UInt8) ENGINE = File(CSV)",
    "CREATE DATABASE d ENGINE = Filesystem('/')",
    "CREATE DATABASE d ENGINE = Overlay",
    "CREATE DATABASE d ENGINE = MySQL('h', 'd', 'u', 'p')",
    "CREATE DATABASE d ENGINE = Backup('a', Disk('b', 'c'))",
    # by a dictionary's source
    *(
        f"CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE({source}) LIFETIME(1) LAYOUT(FLAT())"
        for source in (
            "EXECUTABLE(COMMAND 'id' FORMAT 'TSV')", "`executable`(command 'id')", "FILE(PATH '/x' FORMAT 'TSV')",
            "HTTP(URL 'http://x' FORMAT 'TSV')", "CLICKHOUSE(`host` 'x' TABLE 't')", "REDIS(HOST 'x')",
            "CLICKHOUSE(QUERY 'SELECT file(1)')", "CLICKHOUSE(TABLE 't' WHERE 'file(1)')", "MYSQL(HOST 'x' TABLE 't')",
        )
    ),
    "CREATE DICTIONARY d (a UInt64 EXPRESSION file('x')) PRIMARY KEY a SOURCE(NULL()) LIFETIME(1) LAYOUT(FLAT())",
    # by name, wherever it stands
    "SELECT file('/etc/passwd')",
    "SELECT * FROM file('/etc/passwd')",
    "SELECT * FROM `file`('/etc/passwd')",
    "SELECT * FROM \"url\" ('http://x')",
    "SELECT * FROM FILE/**/('x')",
    "DESCRIBE TABLE file('x')",
    "EXPLAIN SELECT * FROM file('x')",
    "SELECT x IN file('x')",
    "SELECT x IN (SELECT 1 FROM remote('h', 'd', 't'))",
    "SELECT * FROM numbers(1) WHERE number IN (SELECT * FROM s3('x'))",
    "SELECT * REPLACE (file('x') AS a) FROM t",
    "SELECT * APPLY (file) FROM t",
    "SELECT * APPLY file FROM t",
    "SELECT COLUMNS('x') APPLY (x -> file(x)) FROM t",
    "WITH file('x') AS y SELECT y",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT 1 ORDER BY file('x') LIMIT file('y')",
    "INSERT INTO FUNCTION file('x') SELECT 1",
    "INSERT INTO TABLE FUNCTION file('x', 'CSV', 'a UInt8') (a) VALUES",
    "INSERT INTO FUNCTION remote('h', 'd', 't') FORMAT CSV",
    "INSERT INTO t SELECT * FROM url('http://x')",
    "CREATE TABLE t AS file('x')",
    "CREATE TABLE t (a String DEFAULT file('x')) ENGINE = Memory",
    "CREATE TEMPORARY TABLE t (a String ALIAS file('x'))",
    "CREATE VIEW v AS SELECT * FROM executable('x', 'CSV', 'a String')",
    "CREATE FUNCTION f AS x -> file(x)",
    "ALTER TABLE t ADD COLUMN a String DEFAULT file('x')",
    "ALTER TABLE t UPDATE a = file('x') WHERE 1",
    "UPDATE t SET a = file('x') WHERE 1",
    "DELETE FROM t WHERE file('x') = ''",
    "SELECT * FROM cluster('c', 'd', 't')",
    "SELECT * FROM mysql('h', 'd', 't', 'u', 'p')",
    "SELECT * FROM Python('x')",
    "SELECT getServerSetting('path')",
    "SELECT aiGenerate('x')",
    "SELECT nosuchfunction(1)",
    "SELECT fileIf('x', 1)",
    "WITH 'path' AS x SELECT getServerSetting(x)",
    "SELECT aiGenerate(x) FROM t",
    "SELECT nosuchfunction(a, b) FROM t",
    "SELECT arrayMap(x -> aiGenerate(x), ['x'])",
    "SELECT * APPLY aiGenerate(x) FROM t",
    # by name alone: this engine takes one for a lambda
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap(`file`, ['/etc/passwd'])",
    "SELECT arrayMap((file), ['/etc/passwd'])",
    "SELECT arrayMap(file AS x, ['/etc/passwd'])",
    "SELECT arraySort(file, ['/etc/passwd'])",
    "SELECT arrayMap(getServerSetting, ['path'])",
    "SELECT arrayMap({f:Identifier}, ['/etc/passwd'])",
    "SELECT arrayMap(({f:Identifier}), ['/etc/passwd'])",
    "SELECT arrayMap({f:Identifier} AS x, ['/etc/passwd'])",
    "SELECT arrayMap({f: Identifier }, ['/etc/passwd'])",
    "SELECT mapApply(aiGenerate, map('a', 'b'))",
    # by a column list that computes
    "SELECT * FROM format(JSONEachRow, 'b UInt8, a String DEFAULT file(''x'')', '{}')",
    "SELECT * FROM format(JSONEachRow, 'b UInt8, a String\\nDEFAULT file(1)', '{}')",
    "SELECT * FROM format(JSONEachRow, 'b UInt8, a String\\tMATERIALIZED file(1)', '{}')",
    "SELECT * FROM format(JSONEachRow, 'b UInt8, a String DEF\\x41ULT file(1)', '{}')",
    "SELECT * FROM format(JSONEachRow, $$b UInt8, a String ALIAS file(1)$$, '{}')",
    "SELECT * FROM format(JSONEachRow, concat('a String DEF', 'AULT file(1)'), '{}')",
    "SELECT * FROM format(JSONEachRow, 'a String DEF' || 'AULT file(1)', '{}')",
    "SELECT * FROM format(JSONEachRow, {s:String}, '{}')",
    "SELECT {x:Array(/* ' */String)}, file('x')",
    "SELECT {x:Array(/* y */String)}",
    "SELECT * FROM format(JSONEachRow, (SELECT 'a String DEFAULT file(1)'), '{}')",
    "SELECT * FROM values('a String DEFAULT file(1)', 'x')",
    "SELECT * FROM values(concat('a String', ''), 'x')",
    "SELECT * FROM values({s:String}, 'x')",
    "SELECT * FROM null('a String DEFAULT file(1)')",
    "SELECT * FROM null({s:String})",
    "SELECT * FROM generateRandom('a String DEFAULT file(1)')",
    "SELECT * FROM generateRandom(concat('a String', ' DEFAULT file(1)'))",
    "INSERT INTO FUNCTION null('a String DEFAULT file(1)') SELECT 1",
    "INSERT INTO t SELECT * FROM input('a UInt8') FORMAT CSV",
    # by a setting, wherever it stands
    "SET readonly = 0",
    "SET `readonly` = 0",
    "SET max_threads = 1, readonly = 0",
    "SET final, readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS final, readonly = 0",
    "SELECT 1 SETTINGS log_comment = 'x', readonly = 0",
    "SELECT 1 SETTINGS additional_table_filters = {'t': 'a = 1'}",
    "SELECT 1 SETTINGS max_threads = 1, additional_table_filters = {'t': 'a = 1'}",
    "SELECT 1 SETTINGS http_max_uri_size = 1, additional_table_filters = {'a': 'b'}, max_threads = 1",
    "SELECT 1 SETTINGS limit = -1, readonly = 0",
    "SELECT 1 SETTINGS limit = 1.5, readonly = 0",
    "SELECT 1 SETTINGS limit = 1e300, readonly = 0",
    "SELECT 1 SETTINGS final = true, readonly = 0",
    "SELECT 1 SETTINGS final = DEFAULT, readonly = 0",
    "SELECT 1 SETTINGS final = NULL, readonly = 0",
    "SELECT 1 SETTINGS log_comment = {x:String}, readonly = 0",
    "SELECT 1 SETTINGS log_comment = {x:String}",
    "SELECT 1 SETTINGS a.b = 1, readonly = 0",
    "SELECT 1 SETTINGS log_comment = disk(type = 'local', path = '/'), readonly = 0",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SELECT 1 SETTINGS max_memory_usage = DEFAULT",
    "SELECT 1 SETTINGS max_memory_usage = '0'",
    "SELECT 1 SETTINGS max_memory_usage = 100000000000",
    "SELECT 1 SETTINGS max_memory_usage = 1e30",
    "SELECT 1 FORMAT JSON SETTINGS readonly = 0",
    "SELECT 1 SETTINGS readonly = 0 FORMAT JSON",
    "SELECT * FROM (SELECT 1 SETTINGS readonly = 0)",
    "SELECT * FROM view(SELECT 1 SETTINGS final, readonly = 0)",
    "SELECT 1 UNION ALL SELECT 2 SETTINGS readonly = 0",
    "EXPLAIN SELECT 1 SETTINGS readonly = 0",
    "CREATE TEMPORARY TABLE t (a UInt8) ENGINE = Memory SETTINGS a, disk = 'x'",
    "CREATE VIEW v AS SELECT 1 SETTINGS readonly = 0",
    "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = 'x'",
    "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'local', path = '/')",
    "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS index_granularity = 1, storage_policy = 'x'",
    "CREATE TABLE t (a UInt8 SETTINGS (max_compress_block_size = 1, disk = 'x')) ENGINE = MergeTree ORDER BY a",
    "CREATE DATABASE d ENGINE = Atomic SETTINGS disk = 'x'",
    "ALTER TABLE t MODIFY SETTING disk = 'x'",
    "ALTER TABLE t MODIFY SETTING index_granularity = 1, disk = 'x'",
    "ALTER TABLE t MODIFY SETTING a, disk = 'x'",
    "ALTER TABLE t ADD COLUMN a UInt8, MODIFY SETTING storage_policy = 'x'",
    "ALTER TABLE t MODIFY COLUMN a MODIFY SETTING disk = 'x'",
    "CREATE MATERIALIZED VIEW v REFRESH EVERY 1 DAY SETTINGS a, disk = 'x' APPEND TO t AS SELECT 1",
    "INSERT INTO t SETTINGS readonly = 0 FORMAT CSV",
    "DELETE FROM t WHERE 1 SETTINGS readonly = 0",
    "UPDATE t SET a = 1 WHERE 1 SETTINGS readonly = 0",
    "OPTIMIZE TABLE t SETTINGS readonly = 0",
)  # fmt: skip
#: What chDB cannot do: an honest answer.
UNSUPPORTED = (
    "GRANT SELECT ON *.* TO u",
    "REVOKE SELECT ON *.* FROM u",
    "CREATE USER u",
    "ALTER USER u RENAME TO v",
    "DROP USER u",
    "CREATE ROLE r",
    "SET ROLE r",
    "SET DEFAULT ROLE NONE TO u",
    "CREATE ROW POLICY p ON t USING 1",
    "CREATE QUOTA q",
    "CREATE SETTINGS PROFILE p",
    "CREATE NAMED COLLECTION c AS a = 1",
    "SHOW GRANTS",
    "SHOW CREATE USER u",
    "BACKUP TABLE t TO Disk('x', 'y')",
    "RESTORE TABLE t FROM Disk('x', 'y')",
    "BEGIN TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "EXECUTE AS u SELECT 1",
)


@pytest.mark.parametrize(
    ("least", "sql"),
    [(role, sql) for role, all_ in zip(ROLES, (READER, WRITER, ADMIN), strict=True) for sql in all_],
)
def test_a_role_may_run_what_is_its_own_and_of_the_roles_before_it(judge, least, sql):
    said = [judge(role, sql) for role in ROLES]
    first = ROLES.index(least)
    assert said[:first] == [497] * first
    assert all(isinstance(one, Verdict) for one in said[first:]), said


@pytest.mark.parametrize("sql", NOBODY)
def test_nobody_may(judge, sql):
    assert [judge(role, sql) for role in ROLES] == [497] * 3


@pytest.mark.parametrize("sql", UNSUPPORTED)
def test_what_chdb_cannot_do_is_said(judge, sql):
    assert [judge(role, sql) for role in ROLES] == [48] * 3


@pytest.mark.parametrize(
    "sql", ["SELECT 1; SELECT 2", "t", "SELECT 1;DROP TABLE t", "SET a = 1; SET b = 2", "1 + 1", "VALUES (1)"]
)
def test_the_engine_reads_one_statement(judge, sql):
    with pytest.raises(EngineError, match="Syntax error"):
        judge("admin", sql)


@pytest.mark.parametrize("canonical", [b"", b" ", b"/* nothing */"])
def test_nothing_is_an_error_of_syntax(judge, canonical):
    with pytest.raises(ClickHouseError, match="Empty query") as error:
        judge.policy.judge("admin", canonical)
    assert error.value.code == 62


@pytest.mark.parametrize(
    "canonical",
    [
        b"SELECT * FROM remote ('x')",
        b"SELECT 1 -- x",
        b"/* x */ SELECT 1",
        b"SELECT 1\n",
        b"SELECT\t1",
        b"SELECT {x:Array(/* ' */String)}",
        b"SELECT 1 SETTINGS",
        b"SELECT 1 SETTINGS (",
        b"SELECT 1 SETTINGS 'limit' = 1",
        b"SELECT 1 SETTINGS limit =",
        b"SELECT 1 SETTINGS limit = -",
        b"SELECT 1 SETTINGS limit = , final",
        b"SELECT 1 SETTINGS limit = (1",
        b"SELECT 1 SETTINGS limit = f(1",
        b"SELECT 1 SETTINGS limit = 1 = 2, readonly = 0",
        b"SELECT 1 SETTINGS limit = 1 - 2, readonly = 0",
        b"SELECT 1 SETTINGS limit = 1,",
    ],
)
def test_what_the_engine_does_not_write_is_refused(judge, canonical):
    with pytest.raises(ClickHouseError) as error:
        judge.policy.judge("admin", canonical)
    assert error.value.code == 497


@pytest.mark.parametrize("sql", [*READER, *WRITER, *ADMIN])
def test_what_the_engine_writes_it_reads_the_same(engine, sql):
    canonical = engine.canonical(sql)
    assert engine.canonical(canonical) == canonical
    check_plain(canonical)


@pytest.mark.parametrize("sql", [sql for sql in READER if not sql.startswith(("USE", "SET", "KILL", "CREATE", "DROP"))])
@pytest.mark.parametrize("ending", ["", " FORMAT JSON", " FORMAT Null", " SETTINGS max_threads = 1 FORMAT JSON"])
def test_an_outfile_fits_where_the_verdict_says(judge, engine, sql, ending):
    if "FORMAT" in sql or ("SETTINGS" in ending and not sql.startswith(("SELECT", "WITH"))):
        ending = ""
    verdict = judge("reader", sql + ending)
    canonical = engine.canonical(sql + ending)
    head, tail = canonical[: verdict.outfile_at].rstrip(), canonical[verdict.outfile_at :]
    spliced = head + b" INTO OUTFILE '/fifo' TRUNCATE " + (tail or b"FORMAT CSV")
    assert engine.canonical(spliced).replace(b" INTO OUTFILE '/fifo' TRUNCATE", b"") == (
        canonical if tail else head + b" FORMAT CSV"
    )
    assert verdict.result


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT 1", None),
        ("SELECT 1 format json", "json"),
        ("SELECT 1 FORMAT Null", "Null"),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "JSON"),
        ("SELECT 1 SETTINGS max_threads = 1 FORMAT JSON", "JSON"),
        ("SELECT 1 SETTINGS log_comment = 'FORMAT CSV'", None),
        ("SELECT 'FORMAT JSON'", None),
        ("SELECT (SELECT 1) FORMAT CSV", "CSV"),
        ("SELECT format FROM t", None),
        ("SELECT 1 AS format", None),
        ("SELECT 1 AS format ORDER BY format", None),
        ("SELECT format x FROM t AS format FINAL", None),
        ("SELECT `FORMAT` FROM t FORMAT TSV", "TSV"),
        ("INSERT INTO t VALUES", "Values"),
        ("INSERT INTO t (format) SETTINGS async_insert = 1 FORMAT CSV", "CSV"),
        ("SHOW TABLES FORMAT JSON", "JSON"),
    ],
)
def test_the_format_that_a_statement_names(judge, sql, name):
    verdict = judge("writer", sql)
    assert verdict.format == name


@pytest.mark.parametrize(
    ("sql", "keyword", "result", "temporary"),
    [
        ("SELECT 1", "SELECT", True, False),
        ("(SELECT 1 UNION ALL SELECT 2) EXCEPT SELECT 3", "(", True, False),
        ("WITH 1 AS x SELECT x", "WITH", True, False),
        ("SHOW TABLES", "SHOW", True, False),
        ("DESC t", "DESCRIBE", True, False),
        ("EXISTS t", "EXISTS", True, False),
        ("EXPLAIN SELECT 1", "EXPLAIN", True, False),
        ("CHECK TABLE t", "CHECK", True, False),
        ("USE d", "USE", False, False),
        ("SET max_threads = 1", "SET", False, False),
        ("INSERT INTO t SELECT 1", "INSERT", False, False),
        ("CREATE TABLE temporary (a UInt8) ENGINE = Memory", "CREATE", False, False),
        ("CREATE TEMPORARY TABLE t (a UInt8)", "CREATE", False, True),
        ("CREATE OR REPLACE TEMPORARY TABLE t (a UInt8)", "CREATE", False, True),
        ("DROP TEMPORARY TABLE t", "DROP", False, True),
    ],
)
def test_what_a_verdict_says_of_a_statement(judge, sql, keyword, result, temporary):
    verdict = judge("admin", sql)
    assert (verdict.keyword, verdict.result, verdict.temporary) == (keyword, result, temporary)


@pytest.mark.parametrize(
    ("sql", "settings"),
    [
        ("SET max_threads = 1, log_comment = 'it''s'", {"max_threads": "1", "log_comment": r"'it\'s'"}),
        ("SET final", {"final": "1"}),
        ("SET limit = -1, final = true", {"limit": "-1", "final": "TRUE"}),
        ("SELECT 1 SETTINGS max_threads = 1", {"max_threads": "1"}),
        (
            "SELECT * FROM (SELECT 1 SETTINGS max_threads = 2) SETTINGS limit = 1",
            {"max_threads": "2", "limit": "1"},
        ),
        ("SELECT 1", {}),
    ],
)
def test_the_settings_that_a_statement_names(judge, sql, settings):
    assert judge("reader", sql).settings == settings


@pytest.mark.parametrize("role", ROLES)
def test_limits_are_those_of_the_role(judge, role):
    most = getattr(EngineLimits().roles, role).max_execution_s
    assert isinstance(judge(role, f"SELECT 1 SETTINGS max_execution_time = {most}"), Verdict)
    assert judge(role, f"SELECT 1 SETTINGS max_execution_time = {most + 1}") == 497


def test_a_column_called_like_a_refused_function_needs_its_table(judge):
    # Without a column of that name the engine would take it for the function.
    assert judge("reader", "SELECT file FROM t") == 497
    assert isinstance(judge("reader", "SELECT t.file, t.tcpPort AS file FROM t"), Verdict)


def test_small_numbers_hide_nothing(judge):
    for value in ("1e-10", "-1e-10", "1e-300"):
        assert judge("admin", f"SELECT 1 SETTINGS limit = {value}, readonly = 0") == 497


def test_what_is_shown_sets_nothing(judge):
    for sql in ("SHOW TABLES SETTINGS readonly = 0", "SHOW SETTINGS LIKE 'x' SETTINGS readonly = 0"):
        assert judge("admin", sql) == 497


def test_functions_defined_in_sql_may_be_called_by_all(judge):
    policy = Policy(settings_policy(EngineLimits()))
    ours = Judge(judge.engine, policy)
    assert ours("reader", "SELECT twice(number) FROM numbers(1)") == 497
    policy.defined = frozenset({"twice"})
    assert isinstance(ours("reader", "SELECT Twice(number) FROM numbers(1)"), Verdict)


@pytest.mark.parametrize("name", ["url", "remote", "s3", "python", "executable", "loop", "merge"])
def test_a_function_defined_in_sql_opens_no_table_function_of_its_name(judge, name):
    policy = Policy(settings_policy(EngineLimits()))
    policy.defined = frozenset({name})
    assert Judge(judge.engine, policy)("reader", f"SELECT * FROM {name}('x', 'y')") == 497


#: Ways to write a call. Some are no SQL at all, some are refused before the engine reads them, the rest is judged.
NAMES = st.sampled_from(["file", "url", "s3", "remote", "executable", "merge", "mysql", "python", "cluster"])
BLANKS = st.sampled_from([" ", "\n", "\t", "/**/", "/* ( */", "-- (\n", "# x\n", "\x0c", "\u00a0", "\u2003", "//\n"])
PLACES = st.sampled_from(
    [
        "SELECT * FROM {}('x', 'y')", "SELECT {}('x')", "SELECT 1 IN (SELECT * FROM {}('x'))", "DESC {}('x')",
        "INSERT INTO FUNCTION {}('x') SELECT 1", "INSERT INTO t SELECT * FROM {}('x')", "SELECT `\\``, {}('x')",
        "SELECT * FROM a JOIN {}('x') AS b USING (c)", "SELECT arrayMap(x -> {}(x), [1])", "SELECT 'a\\'', {}('x')",
        "SELECT * FROM view(SELECT * FROM {}('x'))", "WITH y AS (SELECT * FROM {}('x')) SELECT * FROM y",
        "CREATE TEMPORARY TABLE t AS {}('x')", "SELECT 'a''', {}('x')", "SELECT 'a\\\\', {}('x')", "SELECT - -{}('x')",
        "SELECT $a$'$a$, {}('x')", "SELECT \"'\", {}('x')", "SELECT 1 --{}\n, {}('x')", "SELECT {x:String}, {}('x')",
    ]
)  # fmt: skip


@st.composite
def spelled(draw):
    name = "".join(draw(st.sampled_from([letter, letter.upper(), letter])) for letter in draw(NAMES))
    at = draw(st.integers(0, len(name) - 1))
    escape = draw(st.sampled_from(["{}", "{}", "\\x{:02x}", "\\{}"]))
    quote = draw(st.sampled_from(["", "", "`", '"']))
    letter = escape.format(ord(name[at])) if "x" in escape else escape.format(name[at])
    return f"{quote}{name[:at]}{letter}{name[at + 1 :]}{quote}" + "".join(draw(st.lists(BLANKS, max_size=3)))


@given(place=PLACES, call=spelled())
def test_no_spelling_of_a_reaching_name_is_allowed(judge, place, call):
    sql = place.replace("{}", call)
    for role in ("reader", "writer"):
        with suppress(TextError, EngineError):
            assert judge(role, sql) == 497, sql
