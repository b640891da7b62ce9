"""Frames that are lost from a capture, come later, or come again with another content, each behind a drain.

On every commit: tests/integration/scenarios/test_losses.py, and whole captures in test_captures.py beside it.
"""

import gzip
import json
import re

import pytest
from support.captures import capture
from support.pipeline import assert_equals_oracle, await_watermark, tables
from support.topics import records

from devstack.demo.reconciliation import reconcile
from runtime.readers.conflicts import first_copy
from runtime.readers.log import decode

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]


def _written(path, lines):
    with gzip.open(path, "wb") as out:
        out.writelines(lines)
    return path


def _body(line):
    return json.loads(line.split(b" ", 1)[1])["data"]


def _spoiled(lines):
    """Split a capture into all but some trades and depth frames, these, and another copy of a trade.

    Returns the three lists of lines, which numbers are missing from the first, by channel, and the trade's line.
    """
    trades = [line for line in lines if b'"e":"trade"' in line]
    depths = [line for line in lines if b'"e":"depthUpdate"' in line]
    lost = [trades[500], *trades[900:903], depths[100], *depths[200:202]]
    numbers = [("trade", _body(trades[500])["t"], _body(trades[500])["t"])]
    numbers += [("trade", _body(trades[900])["t"], _body(trades[902])["t"])]
    numbers += [
        ("depth", _body(depths[first])["pu"] + 1, _body(depths[last])["u"]) for first, last in ((100, 100), (200, 201))
    ]
    other = re.sub(rb'"p":"', rb'"p":"1', trades[700])
    return [line for line in lines if line not in lost], lost, [other], sorted(numbers), trades[700]


def test_lost_frames_are_gaps_until_they_come_and_another_copy_is_a_conflict(pipeline, tmp_path):
    """A part of the capture once more, as another venue's: its entities are its own."""
    whole = capture("usdm_btcusdt_20240808.gz")
    with gzip.open(whole) as found:
        every = found.readlines()
    lines = every[:20_000]
    pipeline.json("feed", "binance_usdm", "--capture", str(whole), "--speed", "40")  # what was fed before is not again
    pipeline.json("drain", "--timeout", "600")
    await_watermark(pipeline, int(every[-1].split()[0]) // 1000 - 10_000_000)
    kept, lost, other, numbers, trade = _spoiled(lines)
    entity = "binance_coinm:BTCUSDT"

    def feed(name, part):
        path = _written(tmp_path / f"{name}.gz", part)
        pipeline.json("feed", "binance_coinm", "--capture", str(path), "--speed", "40")
        pipeline.json("drain", "--timeout", "600")
        return pipeline.json("gaps", "--all", "--entity", entity)

    told = feed("kept", kept)["gaps"]
    assert sorted((gap["channel"], gap["first_id"], gap["last_id"]) for gap in told) == numbers
    assert all((gap["version"], gap["remaining"]) == (1, gap["last_id"] - gap["first_id"] + 1) for gap in told)
    after = feed("lost", lost)
    assert after["open"] == 0
    assert {gap["gap_id"] for gap in after["gaps"]} == {gap["gap_id"] for gap in told}
    assert all(gap["version"] == gap["last_id"] - gap["first_id"] + 2 and not gap["missing"] for gap in after["gaps"])

    assert feed("other", other) == after
    letters = records(pipeline.settings.kafka.bootstrap_servers, "deadletter.ingestion.v1", "dead_letter")
    (letter,) = [one for one in letters if one["reason"] == "conflict"]
    first = decode("raw_envelope", first_copy(pipeline.settings, letter))["payload"]
    assert first == trade.split(b" ", 1)[1].strip()
    assert decode("raw_envelope", letter["record"])["payload"] == first.replace(b'"p":"', b'"p":"1')

    (shown,) = pipeline.json("deadletters", "show", letter["dead_letter_id"])
    assert (shown["first_copy"]["found_in"], shown["first_copy"]["envelope"]["payload"]) == ("kafka", first.decode())
    assert pipeline.json("status")["attention"]["conflicts"] == 1

    # The same hours were fed before, as the first venue's. Windows are kept by their own entity's clock: none was gone.
    assert pipeline.json("repair")["requests"] == 0
    verified = pipeline.json("verify", "--fail-on-empty")
    assert verified["differences"] == 0
    assert tables(verified)["normalized.gaps.v1"] == len(numbers)
    figures = reconcile(pipeline.settings, verified)
    assert figures["conflicts"] == 1
    assert all(figures["balance"].values()), figures
    assert_equals_oracle(pipeline, [_written(tmp_path / "log.gz", kept + lost)], "binance_coinm")
