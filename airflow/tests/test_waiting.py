"""Triggers and sensors: a job is done when it is FINISHED, a stream is fresh when all of it is."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from fake_polyglot import WELL
from polyglot_provider import triggers
from polyglot_provider.runs import Command, Run
from polyglot_provider.sensors import FlinkJobSensor, FreshnessSensor, judge
from polyglot_provider.triggers import CommandTrigger, FlinkJobTrigger


def event_of(trigger):
    async def every():
        return [event.payload async for event in trigger.run()]

    (event,) = asyncio.run(every())
    return event


def copied(trigger):
    """Return what the triggerer makes of a trigger that another one has handed over."""
    path, arguments = trigger.serialize()
    return getattr(triggers, path.rsplit(".", 1)[-1])(**arguments)


@pytest.mark.parametrize("states", [["FINISHED"], ["CREATED", "RUNNING", "no answer", "RUNNING", "FINISHED"]])
def test_a_job_is_waited_for_until_it_has_finished(flink, states):
    flink.states["1"] = list(states)
    event = event_of(copied(FlinkJobTrigger(flink.url, "1", 0.01)))
    assert event == {"url": flink.url, "job_id": "1", "state": "FINISHED", "detail": ""}
    assert FlinkJobSensor(task_id="t", job_id="1").resumed({}, event) == "1"
    assert len(flink.asked) == len(states)


@pytest.mark.parametrize("state", ["FAILED", "CANCELED"])
def test_a_job_that_failed_fails_the_task_with_its_cause(flink, state):
    flink.states["1"] = ["RUNNING", state]
    event = event_of(FlinkJobTrigger(flink.url, "1", 0.01))
    with pytest.raises(AirflowFailException, match=f"{state}.*disk full"):
        FlinkJobSensor(task_id="t", job_id="1").resumed({}, event)


def test_a_job_that_nobody_knows_fails_the_task(flink):
    event = event_of(FlinkJobTrigger(flink.url, "1", 0.01))
    with pytest.raises(AirflowFailException, match="knows no job 1"):
        FlinkJobSensor(task_id="t", job_id="1").resumed({}, event)


def test_a_cluster_that_does_not_answer_is_tried_again(flink, monkeypatch):
    monkeypatch.setattr(triggers, "PATIENCE", 2)
    flink.states["1"] = ["no answer"]
    event = event_of(FlinkJobTrigger(flink.url, "1", 0.01))
    with pytest.raises(AirflowException) as raised:
        FlinkJobSensor(task_id="t", job_id="1").resumed({}, event)
    assert not isinstance(raised.value, AirflowFailException)
    assert len(flink.asked) == 3


def test_the_sensor_waits_in_the_triggerer(fake, flink, monkeypatch, context):
    fake.connect(monkeypatch, flink=flink.url)
    with pytest.raises(TaskDeferred) as deferred:
        FlinkJobSensor(task_id="t", job_id="1").execute(context)
    assert (deferred.value.trigger.url, deferred.value.trigger.job_id) == (flink.url, "1")


def test_a_command_is_waited_for_and_its_words_are_logged(tmp_path, capsys):
    command = Command(("/bin/sh", "-c", "echo one >&2; echo error: two >&2; printf three >&2; exit 1"), str(tmp_path))
    attempt, _ = Run(tmp_path / "runs" / "a").find_or_start(command)
    assert event_of(copied(CommandTrigger(str(attempt.folder), 0.02))) == {"folder": str(attempt.folder)}
    lines = [line for line in capsys.readouterr().out.splitlines() if "CommandTrigger" in line]
    assert [re.search(r"\[(\w+) *\] (.*?) *\[", line).groups() for line in lines] == [
        ("info", "one"),
        ("error", "error: two"),
        ("info", "three"),
    ]


def test_a_task_that_somebody_ends_while_it_waits_ends_its_command(tmp_path, wait):
    attempt, _ = Run(tmp_path / "runs" / "a").find_or_start(Command(("/bin/sleep", "600"), str(tmp_path)))
    wait((attempt.folder / "out.json").exists)
    asyncio.run(CommandTrigger(str(attempt.folder)).on_kill())
    assert attempt.wait() == -signal.SIGTERM


def test_a_stream_that_is_well_is_fresh(fake):
    done = FreshnessSensor(task_id="t").poke({})
    assert done.is_done
    assert fake.calls == [["status", "--json"]]


def test_results_have_an_age_where_it_is_asked_for(fake):
    assert FreshnessSensor(task_id="t", max_age_s="5").poke({}).is_done
    assert not FreshnessSensor(task_id="t", max_age_s="2").poke({}).is_done
    fake.answer("query", {"document": {"columns": ["age"], "rows": [[None]]}})
    assert not FreshnessSensor(task_id="t", max_age_s="5").poke({}).is_done


@pytest.mark.parametrize("answer", [{"code": 3}, {"code": 1, "document": {**WELL["status"], "jobs": []}}])
def test_a_stream_that_is_down_is_not_fresh(fake, answer):
    fake.answer("status", answer)
    assert not FreshnessSensor(task_id="t").poke({}).is_done


def test_everything_wrong_is_named():
    status = {
        "components": [{"name": "kafka", "health": "stopped"}],
        # Newest first: an older run of a job says nothing.
        "jobs": [
            {"name": "ingest", "state": "RUNNING"},
            {"name": "ingest", "state": "FAILED"},
            {"name": "normalize", "state": "RESTARTING"},
        ],
        "groups": [{"group": "a", "lag": 11}, {"group": "b", "lag": 10}],
    }
    assert judge(status, ("ingest", "normalize", "analytics"), 10) == [
        "kafka is stopped",
        "job normalize is RESTARTING",
        "job analytics is absent",
        "a is 11 records behind",
    ]


def test_a_look_leaves_nothing_behind(fake, tmp_path):
    FreshnessSensor(task_id="t").poke({})
    assert not Path(fake.runs).exists()
