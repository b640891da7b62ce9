"""Law 6 at its edge, to the millisecond: what the windows drop is asked for, and nothing else is."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st
from property.model import Raw, Reference, read
from property.windows import LATENESS_MS, WindowJob

START_MS = 1_723_161_600_000  # 2024-08-09T00:00Z


def _row(reference: Reference, kind: str, symbol: str, time_ms: int, number: int) -> dict[str, object]:
    channel = "trade" if kind == "trade" else "book_ticker"
    sides = {"p": "1", "q": "1", "b": "1", "B": "1", "a": "1", "A": "1"}
    frame = json.dumps({"data": {"T": time_ms, "t": number, "u": number, "m": True, **sides}}).encode()
    raw = Raw(
        f"{symbol}:{number}", f"sim:{symbol}", "sim", channel, 1_000 * time_ms, "venue", 1_000 * time_ms, "s", number,
        frame,
    )  # fmt: skip
    row = reference.judge(f"raw.sim.{channel}.v1", raw).row
    assert row is not None
    return row


@given(st.sampled_from(["trade", "quote"]), st.integers(-1_500, 1_500), st.integers(0, 999))
@example("trade", 0, 0)
@example("trade", -1, 0)
@example("trade", -2, 0)
@example("quote", -1, 999)
def test_what_the_windows_drop_is_asked_for(kind: str, beyond: int, into: int) -> None:
    reference, job = Reference(), WindowJob(kind, partitions=1)
    gone = START_MS + 1_000 + LATENESS_MS  # when the first second's state goes, or a millisecond later
    job.read(0, _row(reference, kind, "A", gone + beyond + 1_000, 1))
    assert job.watermark == gone + beyond
    job.read(0, _row(reference, kind, "B", START_MS + into, 2))
    asked = [read("repair_request", one.value) for one in job.out if one.window is None]
    dropped = [window for window in job.state.dropped if window.interval == "1s"]
    assert bool(dropped) == (beyond >= -1)
    assert [(one["entity_id"], one["kind"], one["reason"]) for one in asked] == [
        (window.entity, kind, "behind_watermark") for window in dropped
    ]
