"""The lists of names that a statement may call: functions, types, codecs, indexes, table functions and engines.

`lists/functions.txt` has the functions of the pinned engine that compute from their arguments alone. It was made from
``system.functions`` of chDB 4.4.0 without those that read files, models or certificates, ask other servers, show
addresses of the process or call a language model. A test compares it with the engine: a new function is a decision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FUNCTIONS: Final = frozenset(
    (Path(__file__).parent / "lists" / "functions.txt").read_text(encoding="utf-8").lower().split()
)
#: Types with arguments, codecs, skip indexes, layouts and other words that the engine writes with a bracket.
_SYNTAX: Final = frozenset(
    """
    aggregatefunction array binary bit char character datetime datetime64 dec decimal decimal32 decimal64 decimal128
    decimal256 double dynamic enum enum8 enum16 fixed fixedstring float geometry int int1 integer json lowcardinality map
    nested nullable numeric object qbit simpleaggregatefunction time time64 timestamp tinyint tuple varbinary varchar
    variant bigint smallint mediumint text blob
    codec alp delta doubledelta fpc gcd gorilla lz4 lz4hc none quantized t64 zstd zxc
    bloom_filter hypothesis minmax ngrambf_v1 set sparse_grams text tokenbf_v1 vector_similarity
    clickhouse cast columns apply replace except exists interval source lifetime layout range null
    flat hashed sparse_hashed hashed_array range_hashed cache complex_key_hashed complex_key_sparse_hashed
    complex_key_hashed_array complex_key_range_hashed complex_key_cache direct complex_key_direct ip_trie
    """.split()
)
#: Table functions that make rows from their arguments or read tables of this engine.
_TABLE_FUNCTIONS: Final = frozenset(
    """
    numbers numbers_mt zeros zeros_mt values view viewifpermitted null generateseries generate_series generaterandom
    format input primes
    """.split()
)
#: Table functions with a column list in a literal; it may have expressions, which the engine computes.
STRUCTURED: Final = frozenset({"values", "format", "input", "null", "generaterandom"})
#: Those that read a table past what another setting or view says about it.
ADMIN_FUNCTIONS: Final = frozenset({"merge", "dictionary", "mergetreeindex", "mergetreeprojection"})
#: Table functions that reach files, programs and other servers: refused however they are written.
REACHING: Final = frozenset(
    """
    file filecluster url urlcluster s3 s3cluster gcs oss cosn hdfs hdfscluster azureblobstorage
    azureblobstoragecluster remote remotesecure cluster clusterallreplicas executable python eval mysql postgresql
    mongodb redis sqlite odbc jdbc ytsaurus bigquery filesystem arrowstream hudi hudicluster iceberg icebergcluster
    iceberglocal deltalake deltalakecluster deltalakelocal paimon paimonlocal prometheusquery loop fuzzquery merge
    """.split()
)
#: Engines of tables and databases that keep their data in the engine's own folder, or keep none.
ENGINES: Final = frozenset(
    """
    MERGETREE REPLACINGMERGETREE SUMMINGMERGETREE AGGREGATINGMERGETREE COLLAPSINGMERGETREE
    VERSIONEDCOLLAPSINGMERGETREE COALESCINGMERGETREE MEMORY LOG TINYLOG STRIPELOG SET JOIN BUFFER NULL VIEW
    MATERIALIZEDVIEW DICTIONARY GENERATERANDOM MERGE ATOMIC ORDINARY
    """.split()
)
_COMBINATORS: Final = (
    "simplestate", "ordefault", "distinct", "resample", "foreach", "argmax", "argmin", "ornull", "tuple", "merge",
    "state", "array", "null", "map", "if",
)  # fmt: skip


def is_allowed(name: str) -> bool:
    """Return whether anybody may call ``name`` (lower case): a function, also with combinators, a type, a codec …"""
    if name in _FUNCTIONS or name in _SYNTAX or name in _TABLE_FUNCTIONS:
        return True
    # quantileIf, sumOrNullState …: what is left without its combinators must be on the list.
    return any(
        name.endswith(combinator) and len(name) > len(combinator) and is_allowed(name.removesuffix(combinator))
        for combinator in _COMBINATORS
    )
