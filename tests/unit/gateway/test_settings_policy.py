"""Which settings a client may change: never the guards, limits within bounds, and the rest by what its name says."""

from __future__ import annotations

import re

import pytest

from devstack.gateway.bounds import settings_policy
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.limits import EngineLimits, RoleLimits, Roles

ROLES = ("reader", "writer", "admin")
LIMITS = EngineLimits(
    roles=Roles(
        reader=RoleLimits(max_memory_bytes=1000, max_execution_s=60, max_disk_bytes=5000),
        writer=RoleLimits(max_memory_bytes=2000, max_execution_s=300),
        admin=RoleLimits(max_memory_bytes=3000, max_execution_s=900),
    )
)
POLICY = settings_policy(LIMITS)


def code(role, name, value="1"):
    try:
        POLICY.check(role, name, value)
    except ClickHouseError as error:
        return error.code
    return None


def may(name, value="1"):
    return [code(role, name, value) is None for role in ROLES]


@pytest.fixture(scope="module")
def there(engine):
    """Return the engine's settings: name → the name that it is an alias for, or nothing."""
    lines = engine.run("SELECT name, alias_for FROM system.settings").decode().splitlines()
    return dict(line.split("\t") for line in lines)


@pytest.fixture(scope="module")
def of_tables(engine):
    return set(engine.names("SELECT name FROM system.merge_tree_settings"))


#: The guards: what the gateway itself sets, what changes how a text is read, and what names files, hosts or programs.
GUARDS = """
    readonly allow_ddl allow_introspection_functions implicit_select implicit_table_at_top_level dialect
    allow_settings_after_format_in_insert query_cache_tag additional_table_filters additional_result_filter
    format_schema format_schema_source format_template_row format_template_resultset
    format_avro_schema_registry_url input_format_record_errors_file_path input_format_values_interpret_expressions
    input_format_values_deduce_templates_of_expressions max_memory_usage_for_user memory_overcommit_ratio_denominator
    function_sleep_max_microseconds_per_block default_table_engine default_temporary_table_engine
    default_database_engine storage_file_read_method rename_files_after_processing s3_validate_request_settings
    kafka_max_wait_ms filesystem_cache_name temporary_files_codec workload dynamic_disk_allow_from_env
    format_display_secrets_in_show_and_select allow_python_table_function url_base os_threads_nice_value_query
    """.split()  # noqa: SIM905 - a list of names reads best as one


@pytest.mark.parametrize("name", GUARDS)
def test_nobody_changes_the_guards(name, there):
    assert name in there
    assert may(name) == [False] * 3


@pytest.mark.parametrize("name", ["disk", "storage_policy", "table_disk", "remote_fs_zero_copy_zookeeper_path"])
def test_nobody_says_where_a_table_is_kept(name, of_tables):
    assert name in of_tables
    assert may(name) == [False] * 3


#: Names that sound like files, hosts, programs or other users.
REACHING = re.compile(
    r"""(.*_)?(url|path|paths|dir|directory|file|files|host|hosts|user|users|password|secret|secrets|proxy|zookeeper|
    keeper|disk|exec|executable|script|command|python|plugin|library|env|config|endpoint|credentials|profile|role)(_.*)?""",
    re.VERBOSE,
)
#: Those that reach nothing, and why readers may change them.
HARMLESS = {
    "paths in JSON, not in a file system": """
        input_format_json_use_string_type_for_ambiguous_paths_in_named_tuples_inference_from_objects
        type_json_skip_duplicated_paths type_json_skip_invalid_typed_paths type_json_skip_null_typed_paths
        type_json_use_partial_match_to_skip_paths_by_regexp
        """,
    "limits": """
        max_concurrent_queries_for_all_users max_concurrent_queries_for_user max_network_bandwidth_for_all_users
        max_network_bandwidth_for_user max_temporary_data_on_disk_size_for_query
        max_temporary_data_on_disk_size_for_user join_on_disk_max_files_to_merge
        max_streams_for_files_processing_in_cluster_functions min_free_disk_bytes_to_perform_insert
        min_free_disk_ratio_to_perform_insert min_free_disk_space_for_temporary_data
        input_format_parquet_local_file_min_bytes_for_seek output_format_avro_rows_in_file
        """,
    "of functions and engines that are refused anyway": """
        allow_experimental_cleanup_old_data_files_compaction allow_experimental_url_wildcard_from_index_pages
        enable_url_encoding http_allow_table_as_file http_skip_not_found_url_for_globs optimize_count_from_files
        query_plan_optimize_lazy_materialization_for_file schema_inference_use_cache_for_file
        use_cache_for_count_from_files use_iceberg_metadata_files_cache use_paimon_metadata_files_cache
        use_page_cache_for_disks_without_file_cache http_allow_filters_as_unrecognized_url_parameters
        """,
    "what a log has, if there is one": "log_profile_events",
}
HARMLESS_NAMES = {name for some in HARMLESS.values() for name in some.split()}


def test_what_sounds_reaching_is_refused_or_known_to_be_harmless(there):
    open_to_readers = {name for name in there if REACHING.fullmatch(name) and code("reader", name) is None}
    assert open_to_readers - HARMLESS_NAMES == set(), "decide: never, or harmless and why"
    assert HARMLESS_NAMES - open_to_readers == set()


@pytest.mark.parametrize("value", ["1", "0", "100000000000000"])
def test_no_alias_gets_round_a_guard_or_a_bound(there, value):
    aliases = {alias: name for alias, name in there.items() if name}
    assert len(aliases) > 40
    others = {alias for alias, name in aliases.items() if may(alias, value)[2] != may(name, value)[2]}
    assert others <= {"insert_distributed_sync", "insert_distributed_timeout"}, (
        "drivers send them; nothing is distributed"
    )
    bounded = {name for bounds in POLICY._bounds.values() for name in bounds}
    of_bounds = {alias: name for alias, name in aliases.items() if bounded & {alias, name}}
    assert {alias: name for alias, name in of_bounds.items() if may(alias, value) != may(name, value)} == {}


def test_readers_change_how_values_are_written_and_queries_computed():
    for name in (
        "output_format_json_quote_64bit_integers",
        "max_threads",
        "join_algorithm",
        "extremes",
        "session_timezone",
    ):
        assert may(name) == [True] * 3, name


def test_admins_change_what_no_list_names():
    assert may("alter_move_to_space_execute_async") == [False, False, True]
    assert may("send_logs_level") == [False, False, True]


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a-b", "a.b", "1a", "a=1", "a,b", "max_threads ", "ä", "a\n", "`a`", "x" * 9 + ";"]
)
def test_what_is_no_name(name):
    assert [code(role, name) for role in ROLES] == [36] * 3


@pytest.mark.parametrize("value", ["1", "59", "60", "1.5", "60.", "'60'", "007"])
def test_within_the_bounds(value):
    assert code("reader", "max_execution_time", value) is None


@pytest.mark.parametrize(
    "value",
    ["0", "'0'", "0.0", "61", "60.5", "'61'", "-1", "+1", "", "''", "x", "DEFAULT", "NULL", "TRUE", "1e1", "0x1", "inf",
     "nan", "1 ", "1'1", "\u0661", "[1]", "{'a':1}", "1_0", "9" * 400],
)  # fmt: skip
def test_beyond_the_bounds_or_no_number(value):
    assert code("reader", "max_execution_time", value) == 497


def test_where_zero_means_nothing_bad_it_is_allowed():
    assert may("max_threads", "0") == [True] * 3
    assert may("max_threads", "17") == [False] * 3
    assert may("max_memory_usage", "0") == [False] * 3


def test_bounds_are_those_of_the_role():
    assert [may("max_memory_usage", value) for value in ("1000", "1001", "2001", "3001")] == [
        [True, True, True],
        [False, True, True],
        [False, False, True],
        [False, False, False],
    ]
    assert may("max_temporary_data_on_disk_size_for_query", "5001") == [False, True, True]


def test_every_bound_is_of_a_setting_that_is_there(there):
    names = {name for bounds in POLICY._bounds.values() for name in bounds}
    assert {"max_memory_usage", "max_execution_time", "max_threads", "max_block_size"} <= names
    assert names - set(there) == set()
    assert [name for name in names if not any(may(name))] == []


def test_what_a_bound_says():
    with pytest.raises(ClickHouseError, match=r"max_execution_time is between 1 and 60 for a reader, not '61'"):
        POLICY.check("reader", "max_execution_time", "'61'")
    with pytest.raises(ClickHouseError, match=r"max_threads is between 0 and 16 for an admin, not '17'"):
        POLICY.check("admin", "max_threads", "17")


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [
        ("max_execution_time", "30", "30"),
        ("max_execution_time", "60", "60"),
        ("max_execution_time", "3600", "60"),
        ("max_execution_time", "0", "60"),
        ("max_execution_time", "1.5", "1.5"),
        ("max_threads", "0", "0"),
        ("max_threads", "64", "16"),
        ("extremes", "1", "1"),
        ("log_comment", "any 'text'", "any 'text'"),
    ],
)
def test_limits_that_drivers_send_become_the_largest(name, value, becomes):
    assert POLICY.bounded("reader", name, value) == becomes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_execution_time", "-1"),
        ("max_execution_time", "x"),
        ("max_execution_time", ""),
        ("readonly", "0"),
        ("a b", "1"),
    ],
)
def test_what_cannot_be_bounded_is_refused(name, value):
    with pytest.raises(ClickHouseError):
        POLICY.bounded("reader", name, value)
