"""What the windows' rows become: bars, and requests where a revision is among the events."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import fastavro
from pyflink.common import Row, RowKind

from flink_jobs.finish import finish_bars
from flink_jobs.repair import REPAIR, repair_rows, revision_rows
from schemas.contracts import contract
from schemas.quality import default_quality
from sql import INTERVALS

RULES = default_quality().of("analytics.bar.v1")
TIME = 1_723_161_601_234_000  # µs
KEY = f"{TIME}119944000000000007|1.500000000000|77"
SUMS = [2_000_000_000_000, 0, 0, 0, 0, 30_000, 0, *[0] * 7]


def row(*values: Any, kind: RowKind = RowKind.INSERT) -> Row:
    made = Row(*values)
    made.set_row_kind(kind)
    return made


def window(interval: str, version: int, revised_at: int | None, kind: RowKind = RowKind.INSERT) -> Row:
    price = Decimal("1.5")
    return row("sim:X", interval, version, 1, revised_at, KEY, KEY, price, price, *SUMS, kind=kind)


def requests(found: list[Row]) -> list[dict[str, Any]]:
    schema = fastavro.parse_schema(contract("repair_request").schema)
    assert {(out[0], out[1], out[2]) for out in found} == {("repair.analytics.v1", TIME // 1000, b"sim:X")}
    return [fastavro.schemaless_reader(io.BytesIO(out[3][5:]), schema, None) for out in found]


def bounds(request: dict[str, Any]) -> tuple[int, int]:
    start, end = (round(request[name].timestamp()) * 1_000_000 for name in ("window_start", "window_end"))
    return start, end


def test_a_window_without_a_revision_is_a_bar() -> None:
    (out,) = finish_bars(RULES, window("1s", 1, None))
    assert (out[0], out[1], out[2]) == ("analytics.bar.v1", 1_723_161_601_000, b"sim:X")


def test_a_window_with_a_revision_is_never_a_bar_but_a_request_for_itself() -> None:
    for interval, length in INTERVALS.items():
        (request,) = requests(list(finish_bars(RULES, window(interval, 2, TIME))))
        assert bounds(request) == (TIME // length * length, TIME // length * length + length)
        assert (request["reason"], request["kind"]) == ("revised", "trade")
    (empty,) = requests(list(finish_bars(RULES, row("sim:X", "1m", 1, 0, TIME, None, None, None, None, *[0] * 14))))
    assert empty["reason"] == "revised"


def test_what_was_before_an_update_is_nothing() -> None:
    assert list(finish_bars(RULES, window("1s", 2, TIME, kind=RowKind.UPDATE_BEFORE))) == []


def test_a_revision_asks_for_every_window_of_its_trade_and_a_late_trade_for_its_second() -> None:
    def said(reason: str) -> list[tuple[int, int]]:
        found = requests(
            list(finish_bars(RULES, row("sim:X", REPAIR, 0, 0, TIME, reason, None, None, None, *[None] * 14)))
        )
        assert {request["reason"] for request in found} == {reason}
        return [bounds(request) for request in found]

    assert said("revised") == [(TIME // n * n, TIME // n * n + n) for n in INTERVALS.values()]
    assert said("behind_watermark") == said("sequence_gap") == [(1_723_161_601_000_000, 1_723_161_602_000_000)]


def test_revisions_are_reported_whatever_the_watermark_says() -> None:
    assert "CURRENT_WATERMARK" in repair_rows("t", "bar", 125_000)
    assert "CURRENT_WATERMARK" not in revision_rows("t")
