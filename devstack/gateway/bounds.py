"""The bounds of each role's settings: what `limits` says of memory, time and size, and what keeps a parser small."""

from __future__ import annotations

from devstack.gateway.chdb_engine import MAX_SQL
from devstack.gateway.limits import EngineLimits, RoleLimits
from devstack.gateway.settings_policy import Bound, SettingsPolicy

#: The same for every role. Blocks of rows and buffers are held in memory several times; depth is the engine's stack.
_COMMON = {
    "max_query_size": Bound(2 * MAX_SQL),
    "max_parser_depth": Bound(1000),
    "max_parser_backtracks": Bound(1_000_000),
    "max_ast_depth": Bound(1000),
    "max_ast_elements": Bound(500_000),
    "max_expanded_ast_elements": Bound(1_000_000),
    "max_subquery_depth": Bound(1000),
    "max_recursive_cte_evaluation_depth": Bound(10_000),
    "max_threads": Bound(16, zero_allowed=True),
    "max_insert_threads": Bound(8, zero_allowed=True),
    "max_final_threads": Bound(16, zero_allowed=True),
    "max_parsing_threads": Bound(16, zero_allowed=True),
    "max_download_threads": Bound(16, zero_allowed=True),
    "max_block_size": Bound(1 << 20),
    "max_insert_block_size": Bound(1 << 22),
    "max_insert_block_size_rows": Bound(1 << 22),
    "min_insert_block_size_rows": Bound(1 << 22, zero_allowed=True),
    "min_insert_block_size_bytes": Bound(1 << 28, zero_allowed=True),
    "max_joined_block_size_rows": Bound(1 << 20, zero_allowed=True),
    "max_read_buffer_size": Bound(1 << 24),
    "max_compress_block_size": Bound(1 << 26),
    "min_compress_block_size": Bound(1 << 26),
    "priority": Bound(100, zero_allowed=True),
}


def settings_policy(limits: EngineLimits) -> SettingsPolicy:
    """Return the policy of these limits."""
    return SettingsPolicy({name: _of(role) for name, role in limits.roles if isinstance(role, RoleLimits)})


def _of(role: RoleLimits) -> dict[str, Bound]:
    return {
        **_COMMON,
        "max_memory_usage": Bound(role.max_memory_bytes),
        "max_execution_time": Bound(role.max_execution_s),
        "max_estimated_execution_time": Bound(role.max_execution_s, zero_allowed=True),
        "max_temporary_data_on_disk_size_for_query": Bound(role.max_disk_bytes),
        "max_temporary_data_on_disk_size_for_user": Bound(role.max_disk_bytes, zero_allowed=True),
    }
