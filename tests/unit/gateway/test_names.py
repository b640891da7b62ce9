"""The lists of names and the pinned engine: what the engine has is on a list, or refused for a reason."""

from __future__ import annotations

import pytest

from devstack.gateway import names

#: Functions that nobody may call, and why. A new version of the engine brings others: each is a decision.
REFUSED = {
    "reads files, or shows the file system": """
        file filesystemAvailable filesystemCapacity filesystemUnreserved
        """,
    "asks a language model": """
        aiClassify aiEmbed aiExtract aiFilter aiGenerate aiRedact aiSimilarity aiTranslate
        """,
    "reads models and dictionaries from the server's files": """
        evalMLMethod naiveBayesClassifier naiveBayesClassifierWithAllProbs naiveBayesClassifierWithProb
        regionHierarchy regionIn regionToArea regionToCity regionToContinent regionToCountry regionToDistrict
        regionToName regionToPopulation regionToTopContinent
        """,
    "shows addresses of the process": "addressToLine addressToLineWithInlines addressToSymbol demangle",
    "shows the server's configuration, certificates or machine": """
        getMacro getOSKernelVersion getServerPort getServerSetting hasThreadFuzzer showCertificate tcpPort
        """,
    "shows a request that is not the client's": "currentRequestURL getClientHTTPHeader",
    "asks ZooKeeper": "generateSerialID zookeeperSessionUptime",
    "has a remote host for an argument": "hasColumnInTable",
    "is of transactions, which chDB does not have": "transactionID transactionLatestSnapshot transactionOldestSnapshot",
    "writes to the log": "logTrace",
    "makes statements at random": "fuzzQuery",
    "is of a table format that is refused": "icebergBucket icebergTruncate",
    "is the engine's own, not for statements": """
        __actionName __applyFilter __bitBoolMaskAnd __bitBoolMaskOr __bitSwapLastTwo __bitWrapperFunc __getScalar
        __groupingForCube __groupingForGroupingSets __groupingForRollup __groupingOrdinary __patchPartitionID
        __scalarSubqueryResult __toYearCalendarOnly
        """,
}
ALL_REFUSED = {name.lower() for some in REFUSED.values() for name in some.split()}


@pytest.fixture(scope="module")
def functions(engine):
    return {name.lower() for name in engine.names("SELECT name FROM system.functions WHERE origin = 'System'")}


def test_every_function_of_the_list_is_in_the_engine(functions):
    assert names._FUNCTIONS - functions == set()


def test_every_function_of_the_engine_is_listed_or_refused_for_a_reason(functions):
    undecided = {name for name in functions if not names.is_allowed(name)} - ALL_REFUSED
    assert undecided == set(), "new in this version of the engine: put each on a list, or give a reason here"


def test_every_reason_is_of_a_function_that_is_there_and_refused(functions):
    assert ALL_REFUSED - functions == set()
    assert {name for name in ALL_REFUSED if names.is_allowed(name)} == set()


def test_every_table_function_of_the_engine_is_listed_or_reaching(engine):
    there = {name.lower() for name in engine.names("SELECT name FROM system.table_functions")}
    assert {name for name in there if not names.is_allowed(name)} == names.REACHING & there
    assert {name for name in names.REACHING if names.is_allowed(name)} == set()
    assert names.REACHING - there == set()
    assert names.ADMIN_FUNCTIONS <= names.REACHING
    assert names._TABLE_FUNCTIONS - there == set()
    assert names.STRUCTURED <= names._TABLE_FUNCTIONS


#: Engines that keep nothing anywhere else.
OWN_ENGINES = """
    AggregatingMergeTree Buffer CoalescingMergeTree CollapsingMergeTree Dictionary GenerateRandom Join Log
    MaterializedView Memory Merge MergeTree Null ReplacingMergeTree Set StripeLog SummingMergeTree TinyLog
    VersionedCollapsingMergeTree View
    """
#: Databases, too. Overlay, chDB's own, Filesystem and Backup read files; the others ask servers.
OWN_DATABASES = "Atomic Ordinary Memory Dictionary"


def test_engines_keep_their_data_in_the_engines_own_folder(engine):
    tables = set(engine.names("SELECT name FROM system.table_engines"))
    databases = set(engine.names("SELECT name FROM system.database_engines"))
    assert {name for name in tables if name.lower() in names.ENGINES} == set(OWN_ENGINES.split())
    assert {name for name in databases if name.lower() in names.ENGINES} == set(OWN_DATABASES.split())
    assert names.ENGINES - {name.lower() for name in tables | databases} == set()


def test_every_combinator_of_the_engine_is_known(engine):
    there = {name.lower() for name in engine.names("SELECT name FROM system.aggregate_function_combinators")}
    assert set(names._COMBINATORS) == there


#: What the engine writes with a bracket behind it; types without arguments are never looked at.
TYPES = """
    AggregateFunction Array DateTime DateTime64 Decimal Dynamic Enum8 Enum16 FixedString JSON LowCardinality Map Nested
    Nullable QBit SimpleAggregateFunction Time64 Tuple Variant
    """


def test_every_data_type_with_arguments_is_listed(engine):
    assert set(TYPES.split()) <= set(engine.names("SELECT name FROM system.data_type_families"))
    assert [kind for kind in TYPES.split() if not names.is_allowed(kind.lower())] == []


def test_every_codec_is_listed(engine):
    codecs = set(engine.names("SELECT name FROM system.codecs"))
    no_keys_here = {"AES_128_GCM_SIV", "AES_256_GCM_SIV"}
    assert {name for name in codecs if not names.is_allowed(name.lower())} == {*no_keys_here, "Multiple"}


@pytest.mark.parametrize(
    "name",
    ["sum", "sumif", "quantilestatearrayif", "countmerge", "sumornull", "sumsimplestate", "uniqforeachif", "maxmap"],
)
def test_combinators_are_taken_off(name):
    assert names.is_allowed(name)


@pytest.mark.parametrize(
    "name",
    [
        "fileif",
        "urlarray",
        "s3state",
        "remoteornull",
        "if_",
        "state",
        "merge",
        "filemap",
        "sumfile",
        "",
        "ifif_",
        "xif",
    ],
)
def test_what_is_left_without_combinators_must_be_listed(name):
    assert not names.is_allowed(name)


def test_no_reaching_name_is_an_allowed_one_with_combinators():
    reaching = names.REACHING | ALL_REFUSED
    assert {name + end for name in reaching for end in names._COMBINATORS if names.is_allowed(name + end)} == set()


@pytest.mark.parametrize("name", ["engines", "functions", "reaching", "syntax", "table_functions"])
def test_lists_are_sorted_and_name_nothing_twice(name):
    lines = (names.Path(names.__file__).parent / "lists" / f"{name}.txt").read_text().splitlines()
    assert [line.lower() for line in lines] == sorted(line.lower() for line in lines)
    assert len(set(lines)) == len(lines)
