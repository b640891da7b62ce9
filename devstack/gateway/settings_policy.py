"""Which of the engine's settings a client may change, and between which bounds.

The same rules hold for parameters of the URL, fields of a form, ``SET`` and every ``SETTINGS`` clause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from devstack.gateway.errors import ACCESS_DENIED, BAD_ARGUMENTS, ClickHouseError, article

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]*)?")
#: For nobody: the guards, what changes how a text is parsed, and what names files, addresses or another user.
_NEVER: Final = re.compile(
    """
      input_format_values_.* | readonly | allow_ddl | allow_introspection_functions | profile | dialect
    | implicit_.* | select | filter | order | sort | page | promql_.* | evaluation_time | .*_dialect
    | run_query_in_background | default_view_definer | framing_output_format | format | input_format
    | output_format | query_cache_tag | allow_settings_after_format_in_insert | format_schema.*
    | output_format_schema | format_template_.* | input_format_record_errors_file_path | .*_url | .*_path
    | .*_dir(ectory)? | into_outfile_.* | storage_file_.* | max_memory_usage_for_user | memory_overcommit_.*
    | memory_tracker_.* | max_untracked_memory | os_thread_priority | function_sleep_.* | .*fault_injection.*
    | .*_profiler_.* | trace_profile_events | .*zookeeper.* | .*keeper.* | dynamic_disk_.*
    | format_display_secrets.* | os_threads_.* | skip_download_.* | allow_python_.* | url_base | table_disk
    | ai_.* | filesystem_cache_.* | temporary_files_.* | workload | result_overflow_mode_.*
    | max_sessions_for_user | additional_.* | parallel_replicas_custom_key.* | default_.*engine | disk
    | storage_policy | rename_files_.* | enable_sharing_sets_.* | kafka_.* | rabbitmq_.* | s3.* | hdfs_.*
    | azure_.* | distributed_.* | query_plan_debug_.*
    """,
    re.VERBOSE,
)
#: For readers and writers: how values are written and read, how a query is computed.
_OPEN: Final = re.compile(
    """
      input_format_.* | output_format_.* | format_.* | date_time_.* | bool_(true|false)_representation
    | interval_output_.* | cast_.* | session_timezone | precise_float_parsing | errors_output_format
    | schema_inference_.* | type_json_.* | join_.* | any_join_.* | transform_null_in
    | aggregate_functions_null_for_empty | group_by_use_nulls | totals_.* | extremes | final | limit | offset
    | union_default_mode | intersect_default_mode | except_default_mode | count_distinct_implementation
    | prefer_column_name_to_alias | enable_.* | optimize_.* | query_plan_.* | use_.* | force_.* | compile_.*
    | min_.* | max_.* | merge_tree_.* | short_circuit_.* | allow_experimental_.* | allow_suspicious_.*
    | allow_nonconst_.* | allow_special_.* | allow_deprecated_.* | low_cardinality_.* | data_type_default_nullable
    | insert_.*
    | async_insert.* | wait_for_async_insert.* | wait_end_of_query | deduplicate_.* | materialize_.*
    | parallel_.* | preferred_.* | distinct_overflow_mode | .*_overflow_mode | log_comment | log_queries
    | log_.* | send_progress_in_http_headers | http_.* | cancel_http_.* | add_http_cors_header
    | interactive_delay | connect_timeout | receive_timeout | send_timeout | mutations_sync | alter_sync
    | lightweight_deletes_sync | replication_alter_partitions_sync | analyze_.* | describe_.* | show_.*
    | flatten_nested | collect_hash_table_.* | page_cache_.* | read_.* | partial_.* | apply_.* | do_not_merge_.*
    | split_.* | validate_.* | variant_.* | dynamic_.* | exact_rows_before_limit | regexp_.* | rewrite_.*
    | asterisk_.* | param_[A-Za-z0-9_]+ | legacy_.* | compatibility.* | decimal_check_overflow
    | database_atomic_.* | select_sequential_.* | ignore_.* | temporary_table_.* | load_balancing | skip_.*
    | quota_key | network_.* | mysql_.* | priority
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Bound:
    """The largest value of a setting whose 0 means "no limit": a client may ask for less, not for none."""

    most: float
    zero_allowed: bool = False

    def allows(self, value: str) -> bool:
        """Return whether a plain number is within the bound."""
        if not _NUMBER.fullmatch(value):
            return False
        number = float(value)
        return number <= self.most and (number > 0 or self.zero_allowed)


class SettingsPolicy:
    """Checks one setting at a time."""

    def __init__(self, bounds: Mapping[str, Mapping[str, Bound]]) -> None:
        """Take the bounds by role and setting."""
        self._bounds = bounds

    def check(self, role: str, name: str, value: str) -> None:
        """Raise ClickHouseError (497, or 36 for a bad name) if ``role`` may not set ``name`` to ``value``.

        ``value`` is a literal of SQL, or plain text.
        """
        if not _NAME.fullmatch(name):
            raise ClickHouseError(BAD_ARGUMENTS, f"{name!r} is not the name of a setting")
        if _NEVER.fullmatch(name) or (role != "admin" and not _OPEN.fullmatch(name)):
            raise ClickHouseError(
                ACCESS_DENIED, f"Not enough privileges: {article(role)} may not change the setting {name}"
            )
        bound = self._bounds.get(role, {}).get(name)
        if bound is not None and not bound.allows(plain := value.strip("'")):
            least = 0 if bound.zero_allowed else 1
            text = f"The setting {name} is between {least} and {bound.most:.0f} for {article(role)}, not {plain!r}"
            raise ClickHouseError(ACCESS_DENIED, text)

    def bounded(self, role: str, name: str, value: str) -> str:
        """Return the value for a setting that came beside the statement; raise as `check` does.

        Drivers send limits by themselves, as a deadline of their own: one that is too large becomes the largest.
        """
        bound = self._bounds.get(role, {}).get(name)
        if bound is not None and _NUMBER.fullmatch(value) and not bound.allows(value):
            value = f"{bound.most:.0f}"
        self.check(role, name, value)
        return value
