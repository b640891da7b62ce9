"""Replays by Flink on a log that retention has cut, with revisions, late events and duplicates: Spark's bytes.

And verifications that look at what is new alone.
"""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.patience import wait_for
from support.topics import records

from runtime.console import Exit
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader
from schemas.domains import domains

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

OPTIONS = ("--seed", "11", "--symbols", "3", "--malformed", "0.002", "--cancels", "0.005", "--corrections", "0.01",
           "--late", "0.02")  # fmt: skip
#: The simulator's day.
DAY = ("--from", "2026-01-05", "--to", "2026-01-06")


@pytest.fixture(scope="module")
def fed(pipeline):
    pipeline.json("feed", "sim", "--simulate", "20000", *OPTIONS)
    pipeline.json("drain", "--timeout", "600")
    return pipeline


def own_topics(stack):
    admin = AdminClient({"bootstrap.servers": stack.settings.kafka.bootstrap_servers})
    return [name for name in admin.list_topics(timeout=30).topics if name.startswith("replay-")]


def equal(found):
    """Demand that nothing differs; return the count of records by table."""
    assert found["passed"], [(one["table"], one["samples"]) for one in found["engines"] if one["samples"]]
    assert all(line["equal"] for one in found["engines"] for line in one["entities"])
    return {one["table"]: one["flink"] for one in found["engines"]}


def test_everything_by_both_engines(fed):
    counts = equal(fed.json("verify", "--engine", "both"))
    assert counts["normalized.trade_cancel.v1"] > 0 < counts["normalized.trade_correct.v1"]
    assert counts["deadletter.normalization.v1"] > 0 < counts["analytics.bar.v1"]
    assert own_topics(fed) == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("--from", "2026-01-06", "--to", "2026-01-05"), "the range is empty"),
        (("--from", "2999-01-01"), "in the future"),
        (("--to", "2020-01-01"), "Bronze begins on 2026-01-05"),
        (("--entity", "sim:NOBODY"), "nothing of an entity 'sim:NOBODY'"),
    ],
)
@pytest.mark.parametrize("engine", ["spark", "flink"])
def test_what_cannot_be_meant_is_refused(fed, asked, says, engine):
    done = fed.run("replay", "--engine", engine, *asked)
    assert (done.returncode, says in done.stderr) == (Exit.USAGE, True), done.stderr
    assert own_topics(fed) == []


def test_a_killed_replay_is_cleaned_up_by_the_next_one(fed):
    """Its topics, its order, and its job, if that still runs."""
    folder = fed.settings.var_dir / "replays"
    folder.mkdir(exist_ok=True)
    (folder / "replay-dead.json").touch()
    admin = AdminClient({"bootstrap.servers": fed.settings.kafka.bootstrap_servers})
    for future in admin.create_topics([NewTopic("replay-dead.normalized.trade.v1", 1, 1)]).values():
        future.result()
    wait_for(lambda: own_topics(fed) == ["replay-dead.normalized.trade.v1"])
    done = fed.json("replay", "--engine", "flink", "--entity", "sim:BTCUSDT", *DAY)
    assert done["events"] > 0 < done["records"]["bar"]
    wait_for(lambda: own_topics(fed) == [])
    assert list(folder.iterdir()) == []
    with FlinkRest(fed.settings.flink.url) as rest:
        assert not [job for job in rest.jobs(live=True) if "replay" in job.name]


def test_a_log_that_was_cut_is_read_from_bronze(fed):
    """Half of every raw partition is gone: Flink's bytes are still those of Spark, and of the stores."""
    ends = OffsetReader(fed.settings).ends(domains().raw_topics())
    admin = AdminClient({"bootstrap.servers": fed.settings.kafka.bootstrap_servers})
    cut = [TopicPartition(*place, end // 2) for place, end in ends.items() if end > 1]
    for future in admin.delete_records(cut).values():
        future.result()
    refused = fed.run("replay", "--engine", "flink", "--source", "kafka", *DAY)
    assert (refused.returncode, "no longer all of" in refused.stderr) == (Exit.FAILED, True), refused.stderr
    counts = equal(fed.json("verify", "--engine", "both"))
    assert counts["normalized.trade.v1"] > 1_000
    assert own_topics(fed) == []


def test_what_is_published_changes_no_view(fed):
    done = fed.json("replay", "--engine", "flink", *DAY, "--publish")
    assert done["published"]["trade"] == done["records"]["trade"] > 0
    fed.json("drain", "--timeout", "600")
    assert fed.json("verify")["differences"] == 0


def test_a_verification_of_what_is_new_costs_what_is_new(fed):
    first = fed.json("verify", "--since", "last")
    assert (first["passed"], first["since"]["before"], first["range"]) == (True, "", {"from": None, "to": None})
    again = fed.json("verify", "--since", "last")
    assert (again["passed"], again["records"], again["since"]) == (True, 0, {"ranges": []})
    # Far enough behind the first day: a replay also folds the dates that shape what is accepted on its own.
    fed.json("feed", "sim", "--simulate", "3000", "--seed", "12", "--symbols", "2", "--start", "2026-01-09T12:00:00Z")
    fed.json("drain", "--timeout", "600")
    then = fed.json("verify", "--since", "last")
    assert then["since"]["before"] == first["since"]["instant"]
    assert then["since"]["ranges"] == [{"from": "2026-01-09T00:00:00Z", "to": "2026-01-10T00:00:00Z"}]
    assert then["passed"] and 0 < then["replay"]["events"] < first["replay"]["events"] / 2
    kept = records(fed.settings.kafka.bootstrap_servers, "proof.analytics.v1", "proof")
    wholes = {one["proof_id"]: one for one in kept if one["table"] == "*"}
    assert wholes.keys() == {first["since"]["proof_id"], then["since"]["proof_id"]}
    for document in (first, then):
        proof = document["since"]["proof_id"]
        assert (wholes[proof]["status"], wholes[proof]["differences"]) == ("passed", 0)
        lines = [one for one in kept if one["proof_id"] == proof and one["table"] != "*" and one["day"]]
        digests = {(t["table"], d["day"]): d["found_digest"] for t in document["tables"] for d in t["days"]}
        assert {(one["table"], one["day"]): one["found_digest"] for one in lines} == digests
