"""Spellings of attacks: names, literals, gaps, places, and any order of their pieces."""

# ruff: noqa: E501 - one statement a line
from __future__ import annotations

from random import Random

from sql.clickhouse_text import tokens

from .machine import Answer, Ask, Asks, Outside

#: Expressions, table functions and names that reach out, in plain spelling; where they stand is below.
SCALARS = ("file('@canary@')", "file('@out@/canary.csv')", "file('@out@/ca' || 'nary')")
TABLES = (
    "file('@canary@', LineAsString)",
    "file('@out@/canary.csv', CSV, 'a String')",
    "url('http://127.0.0.1:@port@/', CSV, 'a String')",
    "url('file://@canary@', LineAsString)",
    "remote('127.0.0.1:@port@', system, one)",
    "sqlite('@out@/canary.db', 't')",
    "s3('http://127.0.0.1:@port@/b/k', 'k', 's', CSV, 'a String')",
    "mysql('127.0.0.1:@port@', 'd', 't', 'u', 'p')",
    "postgresql('127.0.0.1:@port@', 'd', 't', 'u', 'p')",
    "redis('127.0.0.1:@port@', 'k', 'k String, v String')",
)
SCALAR_PLACES = (
    "SELECT {}",
    "SELECT length({})",
    "SELECT (SELECT {})",
    "WITH {} AS x SELECT x",
    "WITH x AS (SELECT {} AS a) SELECT a FROM x",
    "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + length({}) FROM x WHERE n < 1) SELECT n FROM x",
    "SELECT 'x' IN ({})",
    "SELECT number FROM numbers(1) WHERE throwIf(1, {}) = 0",
    "SELECT count() FROM numbers(1) GROUP BY {}",
    "SELECT count() AS c FROM numbers(1) HAVING throwIf(c, {}) = 0",
    "SELECT number FROM numbers(1) ORDER BY {}",
    "SELECT number FROM numbers(2) LIMIT 1 BY {}",
    "SELECT arrayJoin([{}])",
    "SELECT x FROM numbers(1) LEFT ARRAY JOIN [{}] AS x",
    "SELECT arrayMap(x -> {}, [1])",
    "SELECT arrayFilter((x, y) -> {} = y, [1], ['x'])",
    "SELECT map('a', {})['a'], tuple({}).1, [{}][1]",
    "SELECT CASE WHEN 1 THEN {} ELSE {} END",
    "SELECT if(1, {}, ''), multiIf(1, {}, '')",
    "SELECT anyIf({}, 1), groupArray({})",
    "SELECT first_value({}) OVER (PARTITION BY {} ORDER BY 1)",
    "SELECT * REPLACE ({} AS a) FROM (SELECT '' AS a)",
    "SELECT * EXCEPT (b) REPLACE ({} AS a) FROM (SELECT '' AS a, 1 AS b)",
    "SELECT * FROM view(SELECT {})",
    "SELECT 1 AS a UNION ALL SELECT length({})",
    "SELECT a FROM (SELECT {} AS a) AS x INNER JOIN (SELECT {} AS a) AS y USING (a)",
    "SELECT a FROM (SELECT '' AS a) AS x CROSS JOIN (SELECT {} AS b) AS y QUALIFY row_number() OVER () = 1",
    "SELECT {}::String, CAST({}, 'String'), {} || ''",
    "SELECT {} FORMAT JSONEachRow",
    "SELECT {} SETTINGS max_threads = 1",
    "FROM numbers(1) |> EXTEND {} AS x",
    "FROM numbers(1) SELECT {}",
    "EXPLAIN SELECT {}",
    "EXPLAIN SYNTAX run_query_tree_passes = 1 SELECT {}",
    "EXPLAIN PIPELINE SELECT (SELECT {})",
    "DESCRIBE (SELECT {})",
    "CREATE TEMPORARY TABLE x@n@ AS SELECT {} AS a",
    "CREATE TEMPORARY TABLE x@n@ (a UInt8, b String DEFAULT {})",
    "CREATE TABLE x@n@ (a UInt8, b String MATERIALIZED {}) ENGINE = Memory",
    "CREATE TABLE x@n@ (a UInt8, b String ALIAS {}) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x@n@ (a UInt8, b String EPHEMERAL {}) ENGINE = Memory",
    "CREATE TABLE x@n@ (a UInt8, d Date TTL d + INTERVAL length({}) DAY) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x@n@ (a UInt8, INDEX i length({}) TYPE minmax) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x@n@ (a UInt8, PROJECTION p (SELECT a, {} ORDER BY a)) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x@n@ (a UInt8, CONSTRAINT c CHECK {} = '') ENGINE = Memory",
    "CREATE TABLE x@n@ (a UInt8) ENGINE = MergeTree ORDER BY length({})",
    "CREATE TABLE x@n@ (a UInt8) ENGINE = MergeTree PARTITION BY {} ORDER BY a",
    "CREATE TABLE x@n@ ENGINE = Memory AS SELECT {} AS a",
    "CREATE VIEW x@n@ AS SELECT {} AS a",
    "CREATE MATERIALIZED VIEW x@n@ ENGINE = Memory AS SELECT {} AS a FROM t",
    "CREATE FUNCTION x@n@ AS (x) -> {}",
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS x@n@ String DEFAULT {}",
    "ALTER TABLE t UPDATE a = {} WHERE 1",
    "ALTER TABLE t DELETE WHERE {} = 'y'",
    "ALTER TABLE t ADD CONSTRAINT x@n@ CHECK {} = ''",
    "DELETE FROM t WHERE {} = 'y'",
    "INSERT INTO t SELECT {}",
    "INSERT INTO t SELECT a FROM t WHERE {} = ''",
)  # fmt: skip
TABLE_PLACES = (
    "SELECT * FROM {}",
    "FROM {} SELECT *",
    "FROM {}",
    "SELECT x.* FROM {} AS x",
    "SELECT count() FROM {} FINAL",
    "SELECT * FROM numbers(1) CROSS JOIN {}",
    "SELECT * FROM numbers(1) AS n LEFT JOIN {} AS x ON 1 = 1",
    "SELECT * FROM (SELECT * FROM {})",
    "WITH x AS (SELECT * FROM {}) SELECT * FROM x",
    "SELECT 'x' IN (SELECT * FROM {})",
    "SELECT 'x' IN {}",
    "SELECT (SELECT count() FROM {})",
    "SELECT EXISTS (SELECT * FROM {})",
    "SELECT 1 UNION ALL SELECT count() FROM {}",
    "SELECT * FROM view(SELECT * FROM {})",
    "SELECT * FROM viewIfPermitted(SELECT * FROM {} ELSE null('a String'))",
    "SELECT * FROM loop({}) LIMIT 1",
    "DESCRIBE TABLE {}",
    "DESC {}",
    "EXPLAIN SELECT * FROM {}",
    "EXPLAIN ESTIMATE SELECT * FROM {}",
    "EXPLAIN QUERY TREE SELECT * FROM {}",
    "INSERT INTO FUNCTION {} SELECT 'x'",
    "INSERT INTO TABLE FUNCTION {} (a) SELECT 'x'",
    "INSERT INTO t SELECT toString(count()) FROM {}",
    "CREATE TABLE x@n@ AS {}",
    "CREATE TABLE x@n@ ENGINE = Memory AS SELECT * FROM {}",
    "CREATE TEMPORARY TABLE x@n@ AS SELECT * FROM {}",
    "CREATE TEMPORARY TABLE x@n@ AS {}",
    "CREATE VIEW x@n@ AS SELECT * FROM {}",
    "CREATE MATERIALIZED VIEW x@n@ REFRESH EVERY 1 HOUR ENGINE = Memory AS SELECT * FROM {}",
    "FROM numbers(1) |> CROSS JOIN {}",
)
WHOLE = (
    "SELECT 'x' INTO OUTFILE '@out@/new' TRUNCATE FORMAT RawBLOB",
    "SELECT 1 INTO OUTFILE '@canary@' APPEND",
    "SHOW DATABASES INTO OUTFILE '@out@/new'",
    "INSERT INTO t FROM INFILE '@canary@' FORMAT TSV",
    "SELECT arrayMap(file, ['@canary@'])",
    "SELECT arrayFirst(file, ['@canary@'])",
    "SELECT * APPLY (file) FROM (SELECT '@canary@' AS a)",
    "SELECT * APPLY (file, 'p') FROM (SELECT '@canary@' AS a)",
    "SELECT COLUMNS('a') APPLY file FROM (SELECT '@canary@' AS a)",
    "SELECT b FROM values('a String, b String ALIAS file(\\'@canary@\\')', 'x')",
    "SELECT b FROM values(('a String, b String ALIAS file(\\'@canary@\\')'), 'x')",
    "SELECT b FROM format(JSONEachRow, 'a String, b String DEFAULT file(\\'@canary@\\')', '{}')",
    "SELECT * FROM format('Values', 'a String', '(file(\\'@canary@\\'))')",
    "SELECT 1 SETTINGS select = 'file(\\'@canary@\\')'",
    "SELECT 1 SETTINGS max_threads = 1, select = 'file(\\'@canary@\\')'",
    "CREATE DATABASE x@n@ ENGINE = Filesystem('@out@')",
    "CREATE TABLE x@n@ (a String) ENGINE = File(LineAsString, '@canary@')",
    "CREATE TABLE x@n@ (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '@out@/d/')",
    "CREATE DICTIONARY x@n@ (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
    "SOURCE(EXECUTABLE(COMMAND '@script@' FORMAT 'CSV'))",
    "CREATE DICTIONARY x@n@ (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
    "SOURCE(CLICKHOUSE(QUERY 'SELECT 1, file(\\'@canary@\\')'))",
    "BACKUP TABLE t TO File('@out@/new')",
)  # fmt: skip
_KEYWORDS = frozenset(
    [
        "SELECT",
        "FROM",
        "WITH",
        "AS",
        "RECURSIVE",
        "UNION",
        "ALL",
        "WHERE",
        "GROUP",
        "BY",
        "ORDER",
        "HAVING",
        "LIMIT",
        "ARRAY",
        "LEFT",
        "JOIN",
        "INNER",
        "CROSS",
        "USING",
        "ON",
        "IN",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "OVER",
        "PARTITION",
        "REPLACE",
        "EXCEPT",
        "FORMAT",
        "SETTINGS",
        "EXPLAIN",
        "SYNTAX",
        "PIPELINE",
        "DESCRIBE",
        "DESC",
        "CREATE",
        "TEMPORARY",
        "TABLE",
        "DEFAULT",
        "MATERIALIZED",
        "ALIAS",
        "EPHEMERAL",
        "TTL",
        "INDEX",
        "TYPE",
        "PROJECTION",
        "CONSTRAINT",
        "CHECK",
        "ENGINE",
        "VIEW",
        "FUNCTION",
        "ALTER",
        "ADD",
        "COLUMN",
        "UPDATE",
        "DELETE",
        "INSERT",
        "INTO",
        "OUTFILE",
        "INFILE",
        "TRUNCATE",
        "APPEND",
        "SHOW",
        "DATABASES",
        "APPLY",
        "COLUMNS",
        "DATABASE",
        "DICTIONARY",
        "PRIMARY",
        "KEY",
        "LAYOUT",
        "LIFETIME",
        "SOURCE",
        "BACKUP",
        "TO",
        "EXISTS",
        "EXTEND",
        "QUALIFY",
        "ESTIMATE",
        "QUERY",
        "TREE",
        "REFRESH",
        "EVERY",
        "HOUR",
        "CAST",
        "INTERVAL",
        "DAY",
        "IF",
        "NOT",
        "FINAL",
    ]
)
_GAPS = (
    " ", "\n", "\t", "\r\n", "\f", "\v", "\u00a0", "\u1680", "\u2003", "\u2028", "\u3000", "\ufeff", "\u200b", "\x85",
    "\0", "/**/", "/* x */", "/* /* x */ */", "/* ' */", "-- x\n", "--\n", "# x\n", "#! x\n", "// x\n", "/* // */",
)  # fmt: skip


def rows_apart(text: str) -> Ask:
    """Return a request whose rows, behind the line of ``INSERT … FORMAT Name``, are no part of its text."""
    head, _, rows = text.partition("\n") if text.startswith("INSERT") else (text, "", "")
    return Ask(head, rows.encode()) if rows else Ask(text)


def respell(text: str, dice: Random) -> str:
    """Return a text that the engine may read the same: other gaps, cases, quotes and escapes."""
    raw = text.encode()
    parts: list[str] = []
    strange = dice.random() ** 3 * 0.4
    end = 0
    before = ""
    for token in tokens(raw):
        piece = raw[token.start : token.end].decode()
        gap = raw[end : token.start].decode()
        if dice.random() < strange:
            gap = dice.choice(_GAPS) if gap or not before else dice.choice(("", dice.choice(_GAPS)))
        parts.append(gap)
        end = token.end
        if dice.random() < 2 * strange:
            following = raw[end : end + 1] == b"("
            piece = _respelled(token.kind, piece, following, dice)
        parts.append(piece)
        before = piece
    return "".join(parts)


def _respelled(kind: str, piece: str, called: bool, dice: Random) -> str:
    if kind == "string":
        return _string(piece[1:-1].replace("\\'", "'"), dice)
    if kind != "word":
        return piece
    if piece.upper() in _KEYWORDS and not called:
        return "".join(dice.choice((letter.upper(), letter.lower())) for letter in piece)
    at = dice.randrange(len(piece))
    code = ord(piece[at])
    escaped = piece[:at] + dice.choice((f"\\x{code:02x}", f"\\{code:03o}", f"\\u{code:04x}")) + piece[at + 1 :]
    return dice.choice(
        (f"`{piece}`", f'"{piece}"', f"`{escaped}`", f'"{escaped}"', piece.swapcase(), f"\u201c{piece}\u201d", piece)
    )


def _string(value: str, dice: Random) -> str:
    plain = value.replace("\\", "\\\\").replace("'", "\\'")
    doubled = value.replace("\\", "\\\\").replace("'", "''")
    at = dice.randrange(len(value) + 1)
    first, second = (part.replace("\\", "\\\\").replace("'", "\\'") for part in (value[:at], value[at:]))
    spelled = "".join(f"\\x{ord(letter):02x}" if dice.random() < 0.3 else letter for letter in value if letter != "'")
    return dice.choice(
        (
            f"'{plain}'", f"'{doubled}'", f"'{spelled}'" if "'" not in value else f"'{doubled}'", f"$${value}$$",
            f"$x${value}$x$", f"x'{value.encode().hex()}'", f"'{first}' || '{second}'", f"concat('{first}', '{second}')",
            f"b'{''.join(f'{byte:08b}' for byte in value.encode())}'", f"\u2018{value}\u2019", f"('{plain}')",
        )
    )  # fmt: skip


def plain_variant(dice: Random) -> str:
    """Return a text that reaches out, in plain spelling, from anywhere in the grammar."""
    kind = dice.random()
    if kind < 0.4:
        place = dice.choice(SCALAR_PLACES)
        scalar = dice.choice(SCALARS)
        if dice.random() < 0.2:
            scalar = f"(SELECT {scalar})"
        return place.replace("{}", scalar)
    if kind < 0.8:
        place = dice.choice(TABLE_PLACES)
        table = dice.choice(TABLES)
        if dice.random() < 0.2 and place.startswith("SELECT"):
            table = f"view(SELECT * FROM {table})"
        return place.replace("{}", table)
    return dice.choice(WHOLE)


def variant(dice: Random, outside: Outside) -> str:
    """Return a text that reaches out, in some spelling."""
    return respell(outside.fill(plain_variant(dice)), dice)


#: Pieces of texts that attack, whole and in half: any order of them may be sent.
_SOUP = (
    "SELECT", "FROM", "*", "APPLY", "(", ")", ",", "file", "`file`", "url", "'@canary@'", "('@canary@')", "values", "format",
    "'a String, b String ALIAS file(\\'@canary@\\')'", "'x'", "b", "numbers(1)", "arrayMap", "['@canary@']", "INTO",
    "OUTFILE", "'@out@/new'", "FORMAT", "TSV", "Values", "SETTINGS", "select", "=", "max_memory_usage", "0", "-inf", "{x:String}",
    "{x:Identifier}", "{x:String// '\n}", "AS", "t", "UNION ALL", "WITH", "->", "x", "view", "EXPLAIN", "/*", "*/", "--",
    "\n", ";", "`", "'", "\\", "$$", "INSERT INTO", "FUNCTION", "VALUES", "'@out@/canary.csv'", "`@out@/canary.csv`", "null",
    "REPLACE", "COLUMNS('a')", "[1]", "||", ".", "1", "SET", "param_x", "'file'", "EXISTS", "IN", "PARALLEL WITH", "|>",
)  # fmt: skip


def soup(dice: Random) -> str:
    """Return pieces in any order; most are nothing that the engine can read."""
    start = dice.choice(("SELECT ", "SELECT * FROM ", "SELECT b FROM ", "WITH ", "INSERT INTO t ", "EXPLAIN ", ""))
    return start + " ".join(dice.choice(_SOUP) for _ in range(dice.randint(1, 12)))


def send(text: str, asked: Asks, role: str, outside: Outside) -> Answer:
    """Send a text, with a parameter `x` that names a function; fail if it did harm."""
    answer = asked.ask(role, Ask(outside.fill(text), params={"x": "file"}))
    harm = outside.harm(answer.body)
    assert not harm, f"{role}: {text!r}: {harm}"
    return answer


# What must be let through ---------------------------------------------------------------------------------------------
