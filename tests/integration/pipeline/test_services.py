"""The lake is maintained for ten minutes beside a writing stream, on a disk and on S3, while others read it."""

import re
import time

import pytest
from support.patience import wait_for
from support.stack import Stack
from support.upgrades import feeding

from batch.maintenance.table_files import read
from runtime.object_store import open_lake

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(3600)]

MINUTES = 10
#: The simulator begins at half past two; when tables are due, its first seconds are in all stores.
BEGUN = "2026-01-05T14:30:10"
APPENDED, MERGED = ("bronze_raw", "silver_trade", "silver_quote"), ("gold_bar", "gold_quote_bar")


@pytest.fixture(params=["disk", "s3"])
def stack(tmp_path, request):
    one = Stack(tmp_path, memory_mb=2560, slots=8)
    one.env |= {"POLYGLOT_FLINK__CHECKPOINT_INTERVAL_S": "3", "POLYGLOT_MAINTENANCE__WATCH_S": "2"}
    try:
        one.json("up", "--with", "maintenance", *(["--with", "s3"] if request.param == "s3" else []))
        one.json("submit")
        yield one
    finally:
        one.close()


def found(stack):
    return {one["table"]: one for one in stack.json("tables", "ls")}


def test_ten_minutes_of_services(stack):
    with feeding(stack, "--malformed", "0"):
        wait_for(lambda: found(stack)["bronze_raw"]["due"], 600, "there is nothing to do", every=2)
        end = time.monotonic() + 60 * MINUTES
        while time.monotonic() < end:
            # A reader that opens a table while its files are put together finds all of them.
            bounded = stack.json("verify", "--store", "silver", "--to", BEGUN)
            assert bounded["differences"] == 0, bounded["tables"]
    stack.json("drain", "--timeout", "600")
    wait_for(lambda: not any(one["due"] for one in found(stack).values()), 600, "something stays due", every=3)
    proof = stack.json("verify", "--fail-on-empty")
    assert proof["differences"] == 0

    lake = open_lake(stack.of_commands())
    for name in (*APPENDED, *MERGED):
        layout = read(lake.files, f"{lake.path}/{name}")
        done = list(layout.timeline.done.values())
        assert done.count("replacecommit" if name in APPENDED else "commit") >= 3, (name, done)
        assert layout.timeline.pending == {}
    for one in found(stack).values():
        assert one["unfinished"] == []
        assert one["small_share"] < 1.0 or one["small_files"] < 10, one
    said = stack.layout.output("maintenance").read_text()
    assert re.findall(r"^error: .*", said, re.MULTILINE) == []
