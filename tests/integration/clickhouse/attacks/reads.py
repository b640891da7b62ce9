"""Attacks that read what is outside."""

# ruff: noqa: E501 - one statement a line
from __future__ import annotations

from .machine import Ask, Attack, sql

#: Section 1 and 2 of the issue, and what else reads a file: the answer would have the secret.
READS: dict[str, Attack] = {
    "scalar": sql("SELECT file('@canary@')"),
    "table function": sql("SELECT * FROM file('@canary@', LineAsString)"),
    "escaped name": sql("SELECT `f\\x69le`('@canary@')"),
    "escaped name in upper case": sql("SELECT `f\\x69LE`('@canary@')", proved=False),
    "double quotes": sql("SELECT \"f\\x69le\"('@canary@')"),
    "escaped table function": sql("SELECT * FROM `f\\x69le`('@canary@', LineAsString)"),
    "no-break space": sql("SELECT file\u00a0('@canary@')"),
    "wide spaces": sql("SELECT\u3000file\u2003('@canary@')"),
    "zero width space": sql("SELECT file\u200b('@canary@')"),
    "byte order mark": sql("SELECT file\ufeff('@canary@')"),
    "comment": sql("SELECT file/**/('@canary@')"),
    "nested comment": sql("SELECT file/* /* */ */('@canary@')"),
    "line comment": sql("SELECT file -- x\n('@canary@')"),
    "hash comment": sql("SELECT file # x\n('@canary@')"),
    "hash bang comment": sql("SELECT file #! x\n('@canary@')"),
    "slashes": sql("SELECT file // x\n('@canary@')"),
    "curly quotes": sql("SELECT file(\u2018@canary@\u2019)"),
    "heredoc": sql("SELECT file($x$@canary@$x$)"),
    "two literals": sql("SELECT file('@out@' || '/canary')"),
    "glob": sql("SELECT * FROM file('@out@/ca*y', LineAsString)"),
    "up and down": sql("SELECT * FROM file('../../../../../../../../../../../../..@canary@', LineAsString)"),
    "by URL": sql("SELECT * FROM url('file://@canary@', LineAsString)"),
    "filesystem()": sql("SELECT content FROM filesystem('@out@')"),
    "sqlite": sql("SELECT * FROM sqlite('@out@/canary.db', 't')"),
    "subquery": sql("SELECT * FROM (SELECT * FROM (SELECT file('@canary@')))"),
    "common table expression": sql("WITH x AS (SELECT file('@canary@') AS a) SELECT a FROM x"),
    "view()": sql("SELECT * FROM view(SELECT * FROM file('@canary@', LineAsString))"),
    "join": sql("SELECT * FROM numbers(1) AS x CROSS JOIN file('@canary@', LineAsString) AS y"),
    "in": sql("SELECT count() FROM numbers(1) WHERE 'x' NOT IN file('@canary@', LineAsString)", proved=False),
    "array join": sql("SELECT x FROM numbers(1) ARRAY JOIN [file('@canary@')] AS x"),
    "lambda": sql("SELECT arrayMap(x -> file(x), ['@canary@'])"),
    "function for a lambda": sql("SELECT arrayMap(file, ['@canary@'])"),
    "quoted function for a lambda": sql("SELECT arrayMap(`f\\x69le`, ['@canary@'])"),
    "function for a lambda in a fold": sql("SELECT arrayStringConcat(arrayMap(file, ['@canary@']))"),
    "apply": sql("SELECT * APPLY file FROM (SELECT '@canary@' AS a)"),
    "apply with brackets": sql("SELECT * APPLY(file) FROM (SELECT '@canary@' AS a)"),
    "apply with a prefix": sql("SELECT * APPLY(file, 'p') FROM (SELECT '@canary@' AS a)"),
    "columns apply": sql("SELECT COLUMNS('a') APPLY(file, 'p') FROM (SELECT '@canary@' AS a)"),
    "apply a lambda": sql("SELECT * APPLY(x -> file(x)) FROM (SELECT '@canary@' AS a)"),
    "replace": sql("SELECT * REPLACE(file(a) AS a) FROM (SELECT '@canary@' AS a)"),
    "window": sql("SELECT any(file('@canary@')) OVER ()"),
    "pipe": sql("FROM numbers(1) |> EXTEND file('@canary@') AS x"),
    "from first": sql("FROM file('@canary@', LineAsString)"),
    "explain": sql("EXPLAIN SELECT file('@canary@')"),
    "explain with a scalar": sql("EXPLAIN SYNTAX SELECT (SELECT file('@canary@'))", proved=False),
    "explain ast": sql("EXPLAIN AST SELECT file('@canary@')", proved=False),
    "explain analyze": sql("EXPLAIN ANALYZE SELECT file('@canary@')"),
    "describe": sql("DESCRIBE TABLE file('@out@/titled.csv', CSVWithNames)"),
    "loop": sql("SELECT * FROM loop(file('@canary@', LineAsString)) LIMIT 1"),
    "eval": sql("SELECT * FROM eval('SELECT file(''@canary@'')')", proved=False),
    "python": sql("SELECT * FROM Python('open(''@canary@'')')", proved=False),
    "fuzzQuery": sql("SELECT * FROM fuzzQuery('SELECT file(''@canary@'')', 500, 1) LIMIT 1", proved=False),
    "columns of values()": sql("SELECT b FROM values('a String, b String ALIAS file(''@canary@'')', 'x')"),
    "columns of values() in lines": sql("SELECT b FROM values('a String, b String\nALIAS file(''@canary@'')', 'x')"),
    "columns of values() behind a tab": sql("SELECT b FROM values('a String, b String\tALIAS\tfile(''@canary@'')', 'x')"),
    "columns of values() in brackets": sql("SELECT b FROM values(('a String, b String ALIAS file(''@canary@'')'), 'x')"),
    "columns of values() in two": sql(
        "SELECT b FROM values('a String, b String ALI' || 'AS file(''@canary@'')', 'x')", proved=False
    ),
    "columns of values() from a parameter": Attack(
        (Ask("SELECT b FROM values({s:String}, 'x')", params={"s": "a String, b String ALIAS file('@canary@')"}),)
    ),
    "columns of values() with a default": sql("SELECT * FROM values('a String DEFAULT file(''@canary@'')', 'x')",
                                              proved=False),
    "columns of null()": sql("SELECT b FROM null('a String, b String ALIAS file(''@canary@'')')", proved=False),
    "columns of generateRandom()": sql(
        "SELECT b FROM generateRandom('a String, b String ALIAS file(''@canary@'')') LIMIT 1"
    ),
    "columns of format()": sql(
        "SELECT b FROM format(JSONEachRow, 'a String, b String DEFAULT file(''@canary@'')', '{\"a\":\"x\"}')"
    ),
    "columns of format() in lines": sql(
        "SELECT b FROM format(JSONEachRow, 'a String, b String\r\nDEFAULT\nfile(''@canary@'')', '{\"a\":\"x\"}')"
    ),
    "columns of format() in hex": sql(
        "SELECT b FROM format(JSONEachRow, 'a String, b String DEF\\x41ULT file(''@canary@'')', '{\"a\":\"x\"}')"
    ),
    "rows of format(Values)": sql("SELECT * FROM format('Values', 'a String', '(file(''@canary@''))')"),
    "columns of input()": Attack(
        (
            Ask("INSERT INTO t SELECT b FROM input('a String, b String DEFAULT file(''@canary@'')') FORMAT TSV", b"x\n"),
            Ask("SELECT a FROM t"),
        ),
        proved=False,
    ),
    "temporary table": sql(
        "CREATE TEMPORARY TABLE x (a String, b String ALIAS file('@canary@'))", "INSERT INTO x VALUES ('x')",
        "SELECT b FROM x", session="s",
    ),
    "temporary table from a SELECT": sql(
        "CREATE TEMPORARY TABLE x AS SELECT file('@canary@') AS a", "SELECT a FROM x", session="s"
    ),
    "table that came along": Attack((Ask("SELECT * FROM x", table=("a String", "Values", b"(file('@canary@'))")),)),
    "column that came along": Attack(
        (Ask("SELECT b FROM x", table=("a String, b String ALIAS file('@canary@')", "TSV", b"x\n")),)
    ),
    "setting select": sql("SELECT 1 SETTINGS select = 'file(''@canary@'')'"),
    "setting select of the URL": Attack((Ask("SELECT 1 AS a", settings={"select": "file('@canary@')"}),)),
    "setting order": sql("SELECT file FROM (SELECT 1 AS file) SETTINGS select = 'arrayMap(file, [''@canary@''])'",
                         proved=False),
    "setting filter": sql("SELECT '@canary@' AS a SETTINGS filter = 'throwIf(1, file(a)) = 0'"),
    "setting additional_table_filters": sql(
        "SELECT dummy FROM system.one SETTINGS additional_table_filters = {'system.one': 'throwIf(1, file(''@canary@'')) = 0'}"
    ),
    "setting additional_result_filter": sql(
        "SELECT 1 AS a SETTINGS additional_result_filter = 'file(''@canary@'') = '''''", proved=False
    ),
    "setting format_schema": sql(
        "SELECT 1 AS a FORMAT Protobuf SETTINGS format_schema = '@out@/canary:M'", proved=False
    ),
    "setting format_template_row": sql(
        "SELECT 1 AS a FORMAT Template SETTINGS format_template_row = '@canary@'"
    ),
    "setting format_template_resultset": sql(
        "SELECT 1 AS a FORMAT Template SETTINGS format_template_resultset = '@canary@'"
    ),
    "setting dialect": sql(
        "SET allow_experimental_prql_dialect = 1, dialect = 'prql'", "from `file('@canary@')`", session="s", proved=False
    ),
    "set select, then use it": sql("SET select = 'file(''@canary@'')'", "SELECT 1 AS a", session="s"),
    "parameter's type with a comment": Attack(
        (Ask("SELECT {x:String// ' \n}, file('@canary@'), ''", params={"x": "1"}),)
    ),
    "parameter's type with a nested comment": Attack(
        (Ask("SELECT {x:String/* /* */ ' */}, file('@canary@'), ''", params={"x": "1"}),)
    ),
    "identifier for a function": Attack(
        (Ask("SELECT arrayMap({f:Identifier}, ['@canary@'])", params={"f": "file"}),)
    ),
    "identifier for a function, of the session": sql(
        "SET param_f = 'file'", "SELECT arrayMap({f:Identifier}, ['@canary@'])", session="s"
    ),
    "identifier for a function, of a view": sql(
        "CREATE VIEW v@n@ AS SELECT 1", "CREATE OR REPLACE VIEW pv AS SELECT arrayMap({f:Identifier}, ['@canary@'])",
        "SELECT * FROM pv(f = 'file')",
    ),
    "identifier for a path": Attack((Ask("SELECT * FROM {f:Identifier}", params={"f": "@canary@"}),)),
    "path as a table": sql("SELECT * FROM '@out@/canary.csv'"),
    "path as a table in backticks": sql("SELECT * FROM `@out@/canary.csv`"),
    "path as a table of default": sql("SELECT * FROM default.`@out@/canary.csv`"),
    "path behind USE default": sql("USE default", "SELECT * FROM `@out@/canary.csv`", session="s"),
    "path for an identifier of default": Attack(
        (Ask("SELECT * FROM {d:Identifier}.{f:Identifier}", params={"d": "default", "f": "@out@/canary.csv"}),)
    ),
    "config.xml of the working directory": sql("SELECT getMacro('x')", "SELECT * FROM './config.xml'", proved=False),
    "default column": sql(
        "CREATE TABLE d@n@ (a UInt8, b String DEFAULT file('@canary@')) ENGINE = Memory", proved=False
    ),
    "view": sql("CREATE OR REPLACE VIEW av AS SELECT file('@canary@') AS a", "SELECT a FROM av"),
    "view of a table function": sql(
        "CREATE OR REPLACE VIEW aw AS SELECT * FROM file('@canary@', LineAsString)", "SELECT * FROM aw"
    ),
    "materialized view": sql(
        "CREATE MATERIALIZED VIEW mv@n@ ENGINE = Memory POPULATE AS SELECT file('@canary@') AS a FROM t", proved=False
    ),
    "refreshed view": sql(
        "CREATE MATERIALIZED VIEW rv@n@ REFRESH EVERY 1 HOUR ENGINE = Memory AS SELECT file('@canary@') AS a",
        proved=False,
    ),
    "SQL function": sql("CREATE OR REPLACE FUNCTION af AS x -> file(x)", "SELECT af('@canary@')"),
    "SQL function that takes a function": sql(
        "CREATE OR REPLACE FUNCTION hof AS f -> arrayMap(f, ['@canary@'])", "SELECT hof(file)", proved=False
    ),
    "SQL function named like a table function": sql(
        "CREATE FUNCTION url AS x -> x", "SELECT * FROM url('file://@canary@', LineAsString)", "DROP FUNCTION url"
    ),
    "table engine": sql(
        "CREATE TABLE e@n@ (a String) ENGINE = File(LineAsString, '@canary@')", proved=False
    ),
    "quoted table engine": sql(
        "CREATE OR REPLACE TABLE ef (a String) ENGINE = `F\\x69le`(LineAsString, '@canary@')", "SELECT * FROM ef",
    ),
    "in hex": sql("SELECT hex(file('@canary@'))"),
    "in base64": sql("SELECT base64Encode(file('@canary@')), base64Encode('x' || file('@canary@'))"),
    "backwards": sql("SELECT reverse(file('@canary@'))"),
    "database engine without brackets": sql(
        "CREATE DATABASE IF NOT EXISTS fsb ENGINE = Filesystem", "SELECT * FROM fsb.`@canary@.csv`"
    ),
    "database engine": sql(
        "CREATE DATABASE IF NOT EXISTS fsd ENGINE = Filesystem('@out@')", "SELECT * FROM fsd.`canary.csv`"
    ),
    "table as a table function": sql(
        "CREATE TABLE c@n@ AS file('@canary@', LineAsString)", proved=False
    ),
    "infile": sql("INSERT INTO t FROM INFILE '@canary@' FORMAT TSV", "SELECT a FROM t WHERE a LIKE 'S3%'"),
    "infile with spaces": sql("INSERT INTO t FROM\u00a0INFILE '@canary@' FORMAT TSV", "SELECT a FROM t WHERE a LIKE 'S3%'"),
    "insert of an expression": Attack(
        (Ask("INSERT INTO t VALUES", b"(file('@canary@'))"), Ask("SELECT a FROM t WHERE a LIKE 'S3%'"))
    ),
    "insert of an expression behind a literal": Attack(
        (Ask("INSERT INTO t VALUES", b"('y'), (file('@canary@'))"), Ask("SELECT a FROM t WHERE a LIKE 'S3%'"))
    ),
    "insert of an expression in a comment": Attack(
        (
            Ask("INSERT INTO t VALUES", b"('y' /*), (*/ || file('@canary@') /* ) */)"),
            Ask("SELECT a FROM t WHERE a LIKE '%S3%'"),
        ),
        proved=False,
    ),
    **{
        f"insert of an expression behind {name} in a Dynamic's brackets": Attack(
            (
                Ask("CREATE TEMPORARY TABLE dy (a Dynamic, b String)", session="s"),
                Ask("INSERT INTO dy VALUES", f"([ {begin} ], 'x'), ('y', file('@canary@')), ([ {end} ], 'z')".encode(), session="s"),
                Ask("SELECT * FROM dy", session="s"),
            )
        )
        for name, begin, end in (
            ("a comment", "/*", "*/"), ("a line comment", "--", "\n"), ("a hash comment", "#", "\n"), ("slashes", "//", "\n"),
            ("a heredoc", "$$", "$$"), ("a name", "`", "`"), ("a quoted name", '"', '"'),
        )
    },
    **{
        f"insert of an expression behind a comment, and {name}": Attack(
            (
                Ask("CREATE TEMPORARY TABLE dz (c String, a Dynamic, b String)", session="s"),
                Ask("INSERT INTO dz VALUES", f"('{escape}', [ /* ], 'x'), ('', 'y', file('@canary@')), ('{escape}', [ */ ], 'z')".encode(), session="s"),
                Ask("SELECT * FROM dz", session="s"),
            )
        )
        for name, escape in (("a letter in hex", "\\x41"), ("an escape of no meaning", "\\q"), ("a line end", "\\\n"))
    },
    "insert with FORMAT Values": Attack(
        (Ask("INSERT INTO t (a) FORMAT Values", b"(upper(file('@canary@')))"), Ask("SELECT lower(a) FROM t")),
        proved=False,
    ),
    "a script behind rows": Attack(
        (
            Ask("INSERT INTO t FORMAT TSV", b"x\n\nINSERT INTO t SELECT file('@canary@');", params={"x": "1"}),
            Ask("SELECT a FROM t WHERE a LIKE 'S3%'"),
        )
    ),
    "a script behind rows of input()": Attack(
        (
            Ask(
                "INSERT INTO t SELECT * FROM input('a String') FORMAT TSV",
                b"x\n\nINSERT INTO t SELECT file('@canary@');",
            ),
            Ask("SELECT a FROM t WHERE a LIKE 'S3%'"),
        )
    ),
    "a script behind values": Attack(
        (
            Ask("INSERT INTO t VALUES", b"('x'); INSERT INTO t SELECT file('@canary@')"),
            Ask("SELECT a FROM t WHERE a LIKE 'S3%'"),
        )
    ),
    "a script in a parameter's name": Attack(
        (
            Ask(
                "INSERT INTO t FORMAT TSV", b"x\n",
                params={"x='1'; INSERT INTO t SELECT file('@canary@'); SET param_y": "1"},
            ),
            Ask("SELECT a FROM t WHERE a LIKE 'S3%'"),
        ),
        proved=False,  # it is the gateway that wrote names into SQL
    ),
    "a script in a parameter": Attack(
        (Ask("SELECT {x:String}", params={"x": "'; SELECT file('@canary@'); --"}),), proved=False
    ),
    "two statements": sql("SELECT 1; SELECT file('@canary@')"),
    "parallel with": sql(
        "CREATE TABLE pa@n@ (a UInt8) ENGINE = Memory PARALLEL WITH INSERT INTO t SELECT file('@canary@')", proved=False
    ),
    "update": sql("ALTER TABLE t UPDATE b = file('@canary@') WHERE 1", proved=False),
    "delete": sql("INSERT INTO t SELECT 'x'", "DELETE FROM t WHERE throwIf(1, file('@canary@'))"),
    "dictionary of a file": sql(
        "CREATE OR REPLACE DICTIONARY fd (k String, v String) PRIMARY KEY k LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0) "
        "SOURCE(FILE(PATH '@canary@' FORMAT 'LineAsString'))", "SELECT dictGet('fd', 'v', tuple('x'))", proved=False,
    ),
    "dictionary's expression": sql(
        "CREATE OR REPLACE DICTIONARY xd (k UInt64, v String EXPRESSION file('@canary@')) PRIMARY KEY k LAYOUT(FLAT()) "
        "LIFETIME(0) SOURCE(CLICKHOUSE(TABLE 't' DB 'default'))", proved=False,
    ),
    "dictionary's query": sql(
        "CREATE OR REPLACE DICTIONARY qd (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(CLICKHOUSE(QUERY 'SELECT toUInt64(1), file(''@canary@'')'))", "SELECT dictGet('qd', 'v', toUInt64(1))",
    ),
    "dictionary's quoted query": sql(
        "CREATE OR REPLACE DICTIONARY rd (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(CLICKHOUSE(`qu\\x65ry` 'SELECT toUInt64(1), file(''@canary@'')'))",
        "SELECT dictGet('rd', 'v', toUInt64(1))",
    ),
    "dictionary's condition": sql(
        "CREATE OR REPLACE DICTIONARY wd (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(CLICKHOUSE(TABLE 'one' DB 'system' WHERE 'file(''@canary@'') = '''''))",
        "SELECT dictGet('wd', 'v', toUInt64(1))", proved=False,
    ),
    "dictionary's update field": sql(
        "CREATE OR REPLACE DICTIONARY ud (k String, v String) PRIMARY KEY k LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(1) "
        "SOURCE(CLICKHOUSE(TABLE 't' DB 'default' UPDATE_FIELD 'throwIf(1, file(''@canary@'')) or a'))",
        "SYSTEM RELOAD DICTIONARY ud", "SYSTEM RELOAD DICTIONARY ud", proved=False,
    ),
    "remote of oneself": sql("SELECT * FROM remote('127.0.0.1', view(SELECT file('@canary@')))"),
    "cluster": sql("SELECT * FROM cluster('default', view(SELECT file('@canary@') AS a))", proved=False),
    "iceberg": sql("SELECT * FROM icebergLocal('@out@')", proved=False),
    "delta lake": sql("SELECT * FROM deltaLakeLocal('@out@')", proved=False),
    "backup": sql("BACKUP TABLE t TO File('@out@/backup')", proved=False),
    "restore": sql("RESTORE TABLE t FROM File('@canary@')", proved=False),
    "attach from a path": sql("ATTACH TABLE x@n@ FROM '@out@' (a UInt8) ENGINE = MergeTree ORDER BY a", proved=False),
    "copy": sql("COPY t FROM '@canary@'", proved=False),
    "environment": sql("SELECT * FROM file('/proc/self/environ', RawBLOB)", proved=False),
}  # fmt: skip
