"""An order of a replay: what a file keeps of it, and which parts a job is to read."""

from runtime.config import Settings
from runtime.replay_order import ReplayOrder

ORDER = ReplayOrder(
    "replay-1a",
    {"raw.sim.trade.v1": [(0, 3, 9), (1, 0, 4)], "replay-1a.raw.sim.agg_trade.v1": [(2, 0, 7)]},
    {"raw.sim.trade.v1": [("e~redriven", "redrive:1:d:late:")]},
)


def test_a_file_keeps_all_of_it(tmp_path):
    path = tmp_path / "replay-1a.json"
    path.write_text(ORDER.document())
    assert ReplayOrder.load(path) == ORDER


def test_parts_are_those_of_the_topics_that_a_job_reads_copied_or_not():
    assert ORDER.parts_of(["raw.sim.trade.v1", "raw.sim.agg_trade.v1", "raw.sim.depth.v1"]) == [
        ("raw.sim.trade.v1", 0, 3, 9),
        ("raw.sim.trade.v1", 1, 0, 4),
        ("replay-1a.raw.sim.agg_trade.v1", 2, 0, 7),
    ]
    assert ORDER.parts_of(["normalized.trade.v1"]) == []


def test_its_jobs_and_groups_have_names_of_their_own(tmp_path):
    assert Settings(flink={"bounded": True, "replay": tmp_path / "replay-1a.json"}).flink.suffix == "-replay-1a"
