"""Watermarks that survive a restart (law 6).

Flink checkpoints windows but no watermarks. A window whose state was dropped before a restart would begin anew after it
with what comes then, and nothing would tell. Two small operators, between a table and what reads it, see to that.
"""

from __future__ import annotations

from py4j.java_gateway import JavaClass
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment, Table


def keeping_watermark(env: StreamTableEnvironment, table: Table, uid: str) -> Table:
    """Return ``table``, whose watermark goes on after a restart where it was, whatever the parallelism.

    ``rowtime`` is the table's event time, of type TIMESTAMP_LTZ(3). The watermark is found again by ``uid``.
    """
    return Table(_tables().keepingWatermark(env._j_tenv, table._j_table, uid), env)  # noqa: SLF001


def without_watermark(env: StreamTableEnvironment, table: Table, uid: str) -> Table:
    """Return ``table`` with ``rowtime`` as its event time, but never holding up the watermark of a union."""
    return Table(_tables().withoutWatermark(env._j_tenv, table._j_table, uid), env)  # noqa: SLF001


def _tables() -> JavaClass:
    return get_gateway().jvm.io.polyglot.watermarks.Tables
