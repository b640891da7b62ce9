"""Rows that broke a rule and were not rejected: flag each, or stop the job."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.quality import Rule
from udfs.quality.checks import Values, expected, observed
from udfs.quality.flags import QualityFlag
from udfs.quality.stop import QualityStop
from udfs.rows.batches import Rows
from udfs.wire.low_rate import LowRateRecord


def flag_records(topic: str, rows: Rows, flagged: Sequence[tuple[int, Rule, Values]]) -> list[LowRateRecord]:
    """Return the flags of marked rows.

    Raises:
        QualityStop: one of the rules says so.
    """
    return [_flag(topic, rows, row, rule, values).record() for row, rule, values in flagged]


def _flag(topic: str, rows: Rows, row: int, rule: Rule, values: Values) -> QualityFlag:
    record, part = int(rows.rows[row]), int(rows.part[row])
    event_id = rows.envelopes.event_ids[record].decode() + (f"#{part}" if part >= 0 else "")
    entity_id = rows.envelopes.entity_ids[record].decode()
    return flag(topic, entity_id, event_id, int(rows.event_time[row]), rule, values)


def flag(topic: str, entity_id: str, event_id: str, event_time: int, rule: Rule, values: Values) -> QualityFlag:
    """Return the flag of one record that breaks a rule.

    Raises:
        QualityStop: the rule says so.
    """
    found, wanted = observed(rule, values), expected(rule, values)
    if rule.action == "stop":
        raise QualityStop(rule, event_id, found, wanted)
    return QualityFlag(rule.name, topic, entity_id, event_id, event_time, found, wanted)
