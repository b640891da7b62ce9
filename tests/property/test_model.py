"""The laws as a state machine: the real operators, driven through whatever a trading day does, against a plain model.

Two collectors with gaps, disorder and copies write two partitions; normalize, ingest and analytics read them in any
interleaving, are saved, killed and rescaled at any record. What each writes is compared with the model at once; at the
end everything is read, and rebuilt from Bronze. A failing run is shown as the shortest list of steps that fails.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from property.flink import FoldJob, Shard
from property.model import Verdict, bar, quote_bar, read
from property.venue import RAW, SYMBOLS, Record, Venue
from property.windows import Window, WindowJob, rebuild
from support.blocks import rows as unpacked
from support.lake_files import rows_of

from flink_jobs import lake_files
from flink_jobs.lake_files import BronzeFiles
from flink_jobs.operators import fold as operators
from flink_jobs.operators.fold import ShardFold, Work
from flink_jobs.replies import NORMALIZER_COUNTERS, joined, normalized_records
from udfs.dedup import dedup
from udfs.lake.files import LakeFiles
from udfs.normalize.normalizer import Normalizer
from udfs.state.operator import Journal
from udfs.wire.envelope import decode

PARTITIONS = 2
#: How long before its receipt a frame's event was, ms: on time, late, at the edges of the gate and beyond them.
DELAYS = [0, 3, 400, 1_200, 7_000, 31_000, 119_900, 120_000, 120_001, 300_000, -900, -5_000, -5_001]
GOOD = ["100", "100.5", "99.999999999999", "100.50", "1e2", "0.1", "101"]
ODD = ["0", "1.0000000000001", "none", "-1", "999999999999999.999999999999", "1000000000000000.1"]
#: How time passes between frames, ms.
PAUSES = [1, 10, 20, 250, 330, 999, 1_000, 1_000, 5_000, 40_000, 126_000, 200_000, 3_600_000]

kinds = st.sampled_from(["trade", "quote"])
symbols = st.sampled_from(sorted(SYMBOLS))
receivers = st.sampled_from(["a", "b", "ab", "ba"])
pauses = st.sampled_from(PAUSES)
delays = st.sampled_from(DELAYS)
partitions = st.integers(0, PARTITIONS - 1)
collectors = st.sampled_from("ab")
counts = st.integers(1, 6)


class Laws(RuleBasedStateMachine):
    """The venue with its raw topics, the jobs and what they have written."""

    def __init__(self) -> None:
        super().__init__()
        self.venue = Venue()
        self.raw, self.members = self.venue.raw, self.venue.members
        self.events = 0
        self.normalized: dict[Shard, list[Verdict]] = defaultdict(list)
        work = Work(Normalizer.restore, normalized_records, joined, (1,), NORMALIZER_COUNTERS, versioned=True)
        self.normalize = FoldJob(lambda: ShardFold(work))
        self.ingest = FoldJob(lambda: ShardFold(BronzeFiles().work()))
        self.bronze: list[tuple[str, int, int]] = []
        #: Since the last checkpoint: first copies by the model, and what files were handed over.
        self.accepted: list[tuple[str, int, int]] = []
        self.staged: list[tuple[str, int, int]] = []
        self.windows = {kind: WindowJob(kind, PARTITIONS) for kind in RAW}
        #: The highest version that was published; its bytes are the model's.
        self.view: dict[str, dict[Window, int]] = {"trade": {}, "quote": {}}
        #: The version said last, since the last restart: from then on, versions rise.
        self.latest: dict[str, dict[Window, int]] = {"trade": {}, "quote": {}}
        self.bars: dict[tuple[str, Window, int], bytes] = {}

    # ---- the venue and its collectors

    @initialize(kind=kinds, symbol=symbols, who=receivers, count=counts, pause=pauses)
    def begin(self, kind: str, symbol: str, who: str, count: int, pause: int) -> None:
        self.happen(kind, symbol, who, count, pause, 0, through=True)

    @rule(kind=kinds, symbol=symbols, who=receivers, count=counts, pause=pauses, delay=delays, through=st.booleans())
    def happen(self, kind: str, symbol: str, who: str, count: int, pause: int, delay: int, *, through: bool) -> None:
        """Some events at the venue, which one or both collectors receive; they may come through at once."""
        for _ in range(count):
            self.events += 1
            self.venue.pass_time(pause)
            self.venue.happen(kind, symbol, who, delay, GOOD[self.events % len(GOOD)], str(1 + self.events % 4))
        if through:
            self.flow(kind)

    @rule(kind=kinds, symbol=symbols, who=receivers, price=st.sampled_from(ODD + GOOD), size=st.sampled_from(ODD))
    def happen_oddly(self, kind: str, symbol: str, who: str, price: str, size: str) -> None:
        """An event with numbers at the edge of the contract, or beyond it."""
        self.venue.happen(kind, symbol, who, 0, price, size)

    @rule(who=collectors, back=st.integers(0, 7), pause=pauses)
    def receive_again(self, who: str, back: int, pause: int) -> None:
        """The venue sends something old again, or the other collector gets it later."""
        self.venue.pass_time(pause)
        self.venue.receive(who, back)

    @rule(who=collectors, back=st.integers(1, 5))
    def send_again(self, who: str, back: int) -> None:
        """A collector's producer sends twice, or it was killed and goes on from before."""
        self.venue.send_again(who, back)

    @rule(who=collectors)
    def stick(self, who: str) -> None:
        self.venue.stick(who)

    @rule(who=collectors)
    def come_back(self, who: str) -> None:
        self.venue.come_back(who)

    @rule(kind=kinds, symbol=symbols, other=symbols, restart=st.integers(0, 3))
    def cut_off(self, kind: str, symbol: str, other: str, restart: int) -> None:
        """A collector is cut off, with an event that it has stamped, for longer than the horizon.

        Meanwhile analytics is restarted with so many subtasks, unless 0.
        """
        self.happen(kind, symbol, "a", 1, 250, 0, through=True)
        self.stick("b")
        self.happen(kind, symbol, "b", 1, 10, 0, through=False)
        self.happen(kind, other, "a", 2, 130_000, 0, through=True)
        if restart:
            self.rescale_windows(kind, restart)
        self.come_back("b")
        self.flow(kind)

    @rule(kind=kinds, partition=partitions, value=st.sampled_from([b"", b"\0\0\0\0\1", b"{}", b"\0\0\0\0\x63xx"]))
    def write_rubbish(self, kind: str, partition: int, value: bytes) -> None:
        self.venue.rubbish(kind, partition, value)

    # ---- normalize and ingest

    @rule(partition=partitions, trades=counts, quotes=st.integers(0, 4))
    def run_normalize(self, partition: int, trades: int, quotes: int) -> None:
        """A block of a partition is folded; what comes out is what the model says of its records."""
        batch, parts = self._next(self.normalize, partition, trades, quotes)
        if not batch:
            return
        (reply,) = self.normalize.fold(partition, parts)
        found: dict[str, list[bytes]] = defaultdict(list)
        for topic, _, _, value in unpacked(reply):
            found[topic].append(value)
        for kind in RAW:
            verdicts = [record.verdict for record in batch if record.verdict.kind == kind]
            assert found[f"normalized.{kind}.v1"] == [verdict.value for verdict in verdicts], f"laws 3 and 4: {kind}s"
            for verdict in verdicts:
                assert verdict.row is not None
                place = SYMBOLS[verdict.row["symbol"]][1]
                self.normalized[f"normalized.{kind}.v1", place].append(verdict)
        letters = [read("dead_letter", value) for value in found["deadletter.normalization.v1"]]
        dead = [
            (record.event_id, record.verdict.reason, record.value) for record in batch if record.verdict.kind == "dead"
        ]
        assert [(one["dead_letter_id"], one["reason"], one["record"]) for one in letters] == dead, "law 3: dead letters"

    @rule(partition=partitions, trades=counts, quotes=st.integers(0, 4))
    def run_ingest(self, partition: int, trades: int, quotes: int) -> None:
        """A block goes into Bronze, each first copy once; what is no envelope into the dead letters."""
        starts = {topic: self.ingest.offsets.get((topic, partition), 0) for topic in RAW.values()}
        batch, parts = self._next(self.ingest, partition, trades, quotes)
        if not batch:
            return
        files, letters = self.ingest.fold(partition, parts)
        self._stage(files)
        rubbish = []
        for topic, values in parts.items():
            for offset, _ in enumerate(values, starts[topic]):
                record = self.raw[topic, partition][offset]
                if record.verdict.kind == "rubbish":
                    rubbish.append(record.value)
                elif record.verdict.kind != "duplicate":
                    self.accepted.append((topic, partition, offset))
        assert [read("dead_letter", letter[3])["record"] for letter in unpacked(letters)] == rubbish

    def _stage(self, files: bytes | None) -> None:
        self.staged += [(row["topic"], row["kafka_partition"], row["kafka_offset"]) for row in rows_of(files)]

    def _next(
        self, job: FoldJob, partition: int, trades: int, quotes: int
    ) -> tuple[list[Record], dict[str, list[bytes]]]:
        """Return the next records of a partition's topics."""
        batch: list[Record] = []
        parts: dict[str, list[bytes]] = {}
        for topic, count in ((RAW["trade"], trades), (RAW["quote"], quotes)):
            at = job.offsets.get((topic, partition), 0)
            if records := self.raw[topic, partition][at : at + count]:
                batch += records
                parts[topic] = [record.value for record in records]
        return batch, parts

    @rule(job=st.sampled_from(["normalize", "ingest", "trade windows", "quote windows"]))
    def save(self, job: str) -> None:
        """A checkpoint: state and offsets, and with ingest's what Bronze shows."""
        out = self._job(job).checkpoint()
        if job == "ingest":
            for files, letters in out:
                assert unpacked(letters) == []
                self._stage(files)
            assert sorted(self.staged) == sorted(self.accepted), "law 4: Bronze has every first copy, and no other"
            self.bronze += self.staged
            self.staged, self.accepted = [], []
        elif job.endswith("windows"):
            self._published(job.partition(" ")[0])

    @rule(job=st.sampled_from(["normalize", "ingest", "trade windows", "quote windows"]))
    def kill(self, job: str) -> None:
        """Go on at the last checkpoint; into topics, what was written since will be written again."""
        self._job(job).crash()
        if job == "ingest":
            self.staged, self.accepted = [], []
        if job.endswith("windows"):
            self.latest[job.partition(" ")[0]].clear()

    @rule(job=st.sampled_from(["normalize", "ingest"]), parallelism=st.integers(1, 3))
    def rescale(self, job: str, parallelism: int) -> None:
        self.save(job)
        (self.normalize if job == "normalize" else self.ingest).rescale(parallelism)

    @rule(kind=kinds, parallelism=st.integers(1, 3))
    def rescale_windows(self, kind: str, parallelism: int) -> None:
        self.windows[kind].rescale(parallelism)
        self.latest[kind].clear()

    def _job(self, name: str) -> FoldJob | WindowJob:
        jobs: dict[str, FoldJob | WindowJob] = {"normalize": self.normalize, "ingest": self.ingest}
        return jobs.get(name) or self.windows[name.partition(" ")[0]]

    # ---- analytics

    @rule(kind=kinds)
    def flow(self, kind: str) -> None:
        """Everything comes through."""
        for partition in range(PARTITIONS):
            self.run_normalize(partition, 1_000, 1_000)
        for partition in range(PARTITIONS):
            self.run_analytics(kind, partition, 1_000)

    @rule(kind=kinds, partition=partitions, count=st.integers(1, 12))
    def run_analytics(self, kind: str, partition: int, count: int) -> None:
        """Windows take the next block of records."""
        job = self.windows[kind]
        at = job.offsets.get(partition, 0)
        records = []
        for verdict in self.normalized[f"normalized.{kind}.v1", partition][at : at + count]:
            assert verdict.row is not None
            records.append((verdict.row, verdict.value))
        job.read(partition, records)
        self._published(kind)

    @rule(kind=kinds, partition=partitions)
    def fall_idle(self, kind: str, partition: int) -> None:
        self.windows[kind].idle(partition)

    @rule(kind=kinds)
    def wait(self, kind: str) -> None:
        """Nothing comes for a while: then everything has been told."""
        job = self.windows[kind]
        job.wait()
        self._published(kind)
        for window, taken in job.taken.items():
            assert self._version(kind, window) >= taken, f"law 7: {window} is not told without more records"

    def _published(self, kind: str) -> None:
        """Compare what the windows have said since with the model, and see that nothing is missing."""
        job, name = self.windows[kind], "bar" if kind == "trade" else "quote_bar"
        said, job.out = job.out, []
        for topic, value in said:
            assert topic == f"analytics.{name}.v1", f"law 6: {topic}, though nothing is missing"
            found = read(name, value)
            window = Window(
                found["entity_id"],
                found.get("interval", "1s"),
                round(found["window_start"].timestamp()) * 1_000_000,
            )
            assert value == self._bar(kind, window, found["version"]), f"law 5: {window}"
            assert found["version"] > self.latest[kind].get(window, 0), f"law 5: versions of {window} do not rise"
            self.latest[kind][window] = found["version"]
            self.view[kind][window] = max(found["version"], self._version(kind, window))
        for window in job.due:
            assert self._version(kind, window) >= job.taken[window], f"laws 5 and 6: {window}"

    def _version(self, kind: str, window: Window) -> int:
        return self.view[kind].get(window, 0)

    def _bar(self, kind: str, window: Window, version: int) -> bytes:
        """Return the model's bar of the first ``version`` records of a window."""
        found = self.bars.get((kind, window, version))
        if found is None:
            rows = self.members[kind][window][:version]
            assert len(rows) == version, f"law 5: {window} counts records that are not there"
            found = bar(window.interval, rows) if kind == "trade" else quote_bar(rows)
            self.bars[kind, window, version] = found
        return found

    # ---- the end

    def teardown(self) -> None:
        """Let everything come through; then the view is the model's, and so is what Bronze gives in one go."""
        if sys.exc_info()[0] is not None:
            return  # a step has failed, and that is what must be shown
        for partition in range(PARTITIONS):
            self.run_normalize(partition, 1_000, 1_000)
            self.run_ingest(partition, 1_000, 1_000)
        self.save("ingest")
        for kind, job in self.windows.items():
            for partition in range(PARTITIONS):
                self.run_analytics(kind, partition, 1_000)
            job.end()
            self._published(kind)
            values = [one.value for place, log in self.normalized.items() if place[0] == job.topic for one in log]
            members = self.members[kind]
            assert sorted(rebuild(kind, values)) == sorted(
                self._bar(kind, window, len(rows)) for window, rows in members.items()
            )
            for window, rows in members.items():
                assert self._version(kind, window) == len(rows), f"law 7: {window}"
        self._replay()

    def _replay(self) -> None:
        """Fold Bronze, in one go, and compare with what the stream wrote."""
        for topic in RAW.values():
            for partition in range(PARTITIONS):
                log = self.raw[topic, partition]
                offsets = sorted(offset for at, shard, offset in self.bronze if (at, shard) == (topic, partition))
                done = Normalizer(topic).process(decode([log[offset].value for offset in offsets])[0])
                written = [record.verdict.value for record in log if record.verdict.row is not None]
                assert (done.trades if topic == RAW["trade"] else done.quotes).encode() == written, "law 7: replay"
                assert done.duplicates == 0


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Keep no room and compact all the time, so that few records reach what many do in production."""
    often = partial(Journal, least=2_000, budget=8)
    with (
        patch.object(dedup, "_room", lambda least: max(least, 1)),
        patch.object(operators, "Journal", often),
        patch.object(lake_files, "LakeFiles", partial(LakeFiles, full_bytes=4_000)),
    ):
        yield


#: Examples of other tests on every commit (conftest.py).
QUICK = 60
#: Parts share the cores (pytest-xdist); Hypothesis seeds a machine by its name, so each draws examples of its own.
PARTS = 24
#: Runs for each example of other tests: 720 on every commit, twice as many as every mutant needs to be noticed
#: (`make mutations` makes 360), and 14,400 in a night.
PER_EXAMPLE = 12 if settings.default.max_examples == QUICK else 36


@pytest.mark.parametrize("part", range(PARTS))
def test_the_laws_hold(part: int) -> None:
    """Draw runs; 72,000 in an hour with `thorough`."""
    runs = PER_EXAMPLE * settings.default.max_examples // PARTS
    machine = type(f"Laws{part}", (Laws,), {})
    run_state_machine_as_test(machine, settings=settings(max_examples=runs, stateful_step_count=40, print_blob=True))
