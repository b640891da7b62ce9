"""What retention has cut is read from Bronze's files, where it was in the log: as if nothing had been cut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from property.flink import FoldJob
from support.blocks import Row, rows
from support.lake_files import files_of
from support.normalized import envelope

from batch.replaying.fill import extract
from flink_jobs import filling
from flink_jobs.filling import steps
from flink_jobs.lake_files import BronzeFiles
from flink_jobs.operators.fold import ShardFold, Work
from flink_jobs.replies import NORMALIZER_COUNTERS, joined, normalized_records
from schemas.versions import Held, Schedule
from udfs.normalize.normalizer import STATE_VERSION, Normalizer

TOPIC = "raw.sim.trade.v1"
NOW = 1_723_161_600_000_000
FRAME = b'{"stream":"a@trade","data":{"e":"trade","E":%d,"T":%d,"s":"%s","t":%d,"p":"%s","q":"2","m":true}}'
LOG = 600
#: Where the job was when it stopped, what of the log was left then, and how far Bronze was when the fill was made.
READ, LEFT, END = 150, 400, 500


def frame(n: int) -> bytes:
    """Return a record of the log: two instruments, over a midnight, with copies and rejected ones among them."""
    n -= n % 7 == 3  # what came before, once more
    at = NOW - 300 * 1_000_000 + n * 1_000_000
    price = b"no price" if n % 11 == 5 else b"1"
    symbol = b"AB"[n % 2 : n % 2 + 1]
    topic, value = envelope("sim", FRAME % (at // 1000, at // 1000, symbol, n, price), at, n + 1)
    assert topic == TOPIC
    return value


VALUES = [frame(n) for n in range(LOG)]


def normalize(fill: Path | None, schedule: Schedule | None = None) -> FoldJob:
    work = Work(
        Normalizer.restore,
        normalized_records,
        joined,
        (STATE_VERSION,),
        NORMALIZER_COUNTERS,
        before=partial(steps, fill) if fill else None,
        versioned=True,
    )
    return FoldJob(lambda: ShardFold(work), schedule)


def told(job: FoldJob, values: Sequence[bytes], size: int = 64) -> list[Row]:
    """Return what becomes of the next records, block by block."""
    found: list[Row] = []
    for at in range(0, len(values), size):
        for (reply,) in job.fold_all(0, {TOPIC: values[at : at + size]}):
            found += rows(reply)
    return found


def same(found: list[Row], expected: list[Row]) -> bool:
    """Tell whether the same was told, each as often; numbers are in the records, and the rest follows the blocks."""
    return sorted(found, key=repr) == sorted(expected, key=repr)


@pytest.fixture(scope="module")
def bronze(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return Bronze's files of the log so far, as the ingest job writes them: one for each checkpoint and date."""
    job, folder, found = FoldJob(lambda: ShardFold(BronzeFiles().work())), tmp_path_factory.mktemp("bronze"), []
    for at in range(0, END, 90):
        job.fold(0, {TOPIC: VALUES[at : min(at + 90, END)]})
        for files, _ in job.checkpoint():
            for file in files_of(files):
                path = folder / file.partition / file.name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(file.content)
                found.append(f"file:{path}")
    return found


@pytest.fixture
def fill(bronze: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(filling, "_ROWS", 100)
    # The group's place may be behind that of the checkpoint.
    extract(bronze, {(TOPIC, 0): (READ - 10, END)}, tmp_path / "fill")
    return tmp_path / "fill"


def stopped(fill: Path | None, schedule: Schedule | None = None) -> tuple[FoldJob, list[Row]]:
    """Return a job that has read the log up to `READ`, and begins again where the log now does."""
    job = normalize(fill, schedule)
    found = told(job, VALUES[:READ])
    job.checkpoint()
    job.crash()
    job.offsets[TOPIC, 0] = LEFT
    return job, found


def test_the_log_goes_on_as_if_nothing_had_been_cut(fill: Path) -> None:
    expected = told(normalize(None), VALUES)
    assert len(expected) > LOG // 2
    job, found = stopped(fill)
    assert same(found + told(job, VALUES[LEFT:]), expected)


@pytest.mark.parametrize("cuts", [(READ, LEFT), (230, 310), (READ - 40, 333), (LEFT, LEFT + 50), (210, 550)])
def test_what_was_cut_is_judged_by_the_rules_that_held_there(fill: Path, cuts: tuple[int, int]) -> None:
    """Between two offsets a rule rejects everything; the fill is read in steps of 100."""
    none, rule = "# none\n", '["normalized.trade.v1".dear]\ntype="range"\naction="fail"\nfield="price"\nmost="0.5"\n'
    first, last = (
        Held("normalize", 1, offsets={(TOPIC, 0): at}, rules=text) for at, text in ((cuts[0], rule), (cuts[1], none))
    )
    schedule = Schedule((Held("normalize", 1, rules=none), first, last))
    expected = told(normalize(None, schedule), VALUES)
    job, found = stopped(fill, schedule)
    assert same(found + told(job, VALUES[LEFT:]), expected)
    trades = [row for row in expected if row[0] == "normalized.trade.v1"]
    assert 0 < len(trades) < len([row for row in told(normalize(None), VALUES) if row[0] == "normalized.trade.v1"])


def test_it_has_what_bronze_has_of_the_range(bronze: list[str], tmp_path: Path) -> None:
    counts = extract(bronze, {(TOPIC, 0): (READ, END)}, tmp_path / "fill")
    copies = sum(n % 7 == 3 for n in range(READ, END))
    assert counts == {(TOPIC, 0): END - READ - copies}


def test_without_it_other_numbers_are_given(fill: Path) -> None:
    job, found = stopped(None)
    found += told(job, VALUES[LEFT:])
    assert not set(found) <= set(told(normalize(None), VALUES))


@pytest.mark.parametrize("again", [1, 60, 150])
def test_a_job_that_restarts_later_fills_nothing_twice(fill: Path, again: int) -> None:
    expected = told(normalize(None), VALUES)
    job, found = stopped(fill)
    found += told(job, VALUES[LEFT : LEFT + again], 7)
    job.checkpoint()
    job.crash()
    assert same(found + told(job, VALUES[LEFT + again :]), expected)


def test_one_that_restarts_before_it_has_saved_anything_fills_again(fill: Path) -> None:
    job, _ = stopped(fill)
    first = told(job, VALUES[LEFT:END])
    job.crash()
    job.offsets[TOPIC, 0] = LEFT
    assert told(job, VALUES[LEFT:END]) == first


def test_far_behind_all_that_was_filled_the_file_is_not_read(fill: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, _ = stopped(fill)
    told(job, VALUES[LEFT:])
    job.checkpoint()
    job.crash()
    monkeypatch.setattr(filling, "normalized", lambda *_: pytest.fail("read once more"))
    assert [row[0] for row in told(job, [frame(LOG)])].count("normalized.trade.v1") == 1
