"""Rates, ratios and spreads of rounds, and what the loops tell of their progress."""

import json

import httpx
import pytest

from benchmarks import measure
from benchmarks.loops.clients import Task
from benchmarks.loops.run import progress, shares
from benchmarks.measure import Rounds, Samples, follow, spread
from runtime.config import Settings
from runtime.console import CommandError


def test_a_rate_leaves_out_start_and_end():
    samples = Samples(1_000, [(0.0, 0), (8.0, 50), (10.0, 100), (11.0, 400), (12.0, 900), (30.0, 1_000)])
    assert samples.rate() == 400


def test_what_went_too_fast_for_two_samples_in_between_has_a_rate_that_is_no_higher():
    assert Samples(1_000, [(0.0, 0), (10.0, 50), (11.0, 500), (12.0, 1_000)]).rate() == 475
    assert Samples(1_000, [(0.0, 0), (10.0, 50), (12.0, 1_000)]).rate() == 475
    with pytest.raises(CommandError, match="use more frames"):
        Samples(1_000, [(0.0, 1_000)]).rate()


def test_a_counter_that_stands_still_is_not_sampled_again():
    counts = iter([0, 0, 5, 5, 5, 9, 10])
    assert [count for _, count in follow(lambda: next(counts), 10, every_s=0.0).points] == [0, 5, 9, 10]
    with pytest.raises(CommandError, match="only 3 of 10"):
        follow(lambda: 3, 10, timeout_s=0.0, every_s=0.0)


def test_ratios_are_those_of_each_round():
    rounds = Rounds()
    for mine, floor in ((50, 100), (30, 50), (80, 200)):  # the machine's pace changes, the ratio hardly does
        rounds.add("mine", mine)
        rounds.add("floor", floor)
    found = rounds.document(["floor", "not measured"])
    assert found["mine"]["per_s"] == 50
    assert found["mine"]["spread"] == 1.0
    assert found["mine"]["runs"] == [50, 30, 80]
    assert found["mine"]["of"] == {"floor": {"ratio": 0.5, "spread": 0.4}}
    assert found["floor"]["of"] == {}


def test_a_spread_is_the_range_over_the_median():
    assert spread([90, 100, 120]) == 0.3
    assert spread([5]) == 0


def test_partitions_are_dealt_out_evenly():
    dealt = shares({0: 50, 1: 10, 2: 45, 3: 15}, 2)
    assert sorted(sum(share.values()) for share in dealt) == [60, 60]
    assert {partition for share in dealt for partition in share} == {0, 1, 2, 3}
    assert shares({0: 1, 1: 2}, 1) == [{1: 2, 0: 1}]


def _told(*pairs):
    return "".join(json.dumps({"at": at, "read": read}) + "\n" for at, read in pairs) + '{"at": 9, "written": 1}\n'


def test_progress_of_two_processes_is_their_sum():
    points = progress([_told((1, 0), (3, 10), (5, 20)), _told((2, 0), (4, 5))], 25).points
    assert points == [(1, 0), (2, 0), (3, 10), (4, 15), (5, 25)]


def test_a_loop_that_did_not_read_everything_is_no_figure():
    with pytest.raises(CommandError, match="15 of 25"):
        progress([_told((1, 0), (3, 10)), _told((2, 0), (4, 5))], 25)


def test_a_task_survives_its_way_to_a_process():
    task = Task({"bootstrap.servers": "x:1"}, "from", {0: 5, 3: 7}, "to")
    assert Task.of(task.text()) == task


def test_sources_are_counted_in_records_also_where_their_tasks_hand_on_blocks(monkeypatch):
    line = 'flink_taskmanager_job_task_operator_{}{{job_id="{}",operator_name="{}",}} {}'
    told = [
        line.format("numRecordsOut", "j", "Source:_raw_topics", "700.0"),
        line.format("numRecordsOut", "j", "Source:_trade_topics", "5.5E1"),
        line.format("numRecordsOut", "j", "normalize:_blocks", "3.0"),
        line.format("numRecordsIn", "j", "Source:_raw_topics", "1.0"),
        line.format("numRecordsOut", "another", "Source:_raw_topics", "9.0"),
    ]
    real = httpx.Client

    def answer(request):
        assert str(request.url) == "http://127.0.0.1:9003/metrics"
        return httpx.Response(200, text="\n".join(told))

    monkeypatch.setattr(
        measure.httpx, "Client", lambda **options: real(transport=httpx.MockTransport(answer), **options)
    )
    assert measure.source_counter(Settings(flink={"rest_port": 9000}), "j")() == 755
