"""What may be cut: what is old, and in Bronze, and read by every job; of what is on hold, nothing."""

from __future__ import annotations

import pytest

from operations import retention
from operations.retention import AGE, Part, plan
from operations.topics import wanted_config
from schemas.contracts import FOLDER
from schemas.domains import domains, parse

RAW = "raw.sim.trade.v1"
#: Of a topic that only the ingest job reads.
UNREAD = "raw.coinbase.control.v1"
DAY_MS = 86_400_000
NOW = 20_000 * DAY_MS


class Log:
    """A log of one record a day, the last one of now, and the groups' places in it."""

    def __init__(self, begin, end, committed):
        self.begin, self.end, self.committed_to = begin, end, committed

    def __call__(self, settings):
        return self

    def begins(self, topics):
        return {(topic, 0): self.begin for topic in topics if topic in (RAW, UNREAD)}

    def ends(self, topics):
        return {(topic, 0): self.end for topic in topics if topic in (RAW, UNREAD)}

    def since(self, topics, time_ms):
        days = (NOW - time_ms) // DAY_MS
        return {(topic, 0): max(self.end - 1 - days, self.begin) for topic in topics}

    def committed(self, group, places):
        return {place: self.committed_to[group] for place in places if group in self.committed_to}


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"retention_ms": None})})


def planned(monkeypatch, settings, committed, text=None, topic=RAW):
    monkeypatch.setattr(retention, "OffsetReader", Log(10, 100, committed))
    parts = plan(settings, NOW, parse(text) if text else None)
    return {part.topic: part for part in parts}[topic]


def hold():
    """Return the domain file with a hold on all raw topics."""
    return (FOLDER / "domains.toml").read_text().replace('archive = "bronze_raw"', 'hold = "case 17"', 1)


@pytest.mark.parametrize(
    ("ingest", "normalize", "cut", "kept_by"),
    [
        (100, 100, 92, AGE),  # seven days
        (92, 92, 92, AGE),
        (91, 100, 91, "polyglot-ingest"),
        (100, 40, 40, "polyglot-normalize"),
        (30, 40, 30, "polyglot-ingest"),
        (3, 40, 10, "polyglot-ingest"),  # it has lost some already: nothing more
    ],
)
def test_a_record_goes_when_it_is_old_and_every_job_has_it(monkeypatch, settings, ingest, normalize, cut, kept_by):
    committed = {"polyglot-ingest": ingest, "polyglot-normalize": normalize}
    part = planned(monkeypatch, settings, committed)
    assert part == Part(RAW, 0, 10, 100, cut, kept_by)
    assert part.records == cut - 10


def test_a_job_that_has_not_begun_keeps_everything(monkeypatch, settings):
    assert planned(monkeypatch, settings, {"polyglot-normalize": 100}).records == 0
    assert planned(monkeypatch, settings, {"polyglot-ingest": 100}).kept_by == "polyglot-normalize"


def test_only_those_who_read_a_topic_count(monkeypatch, settings):
    assert planned(monkeypatch, settings, {"polyglot-ingest": 100}, topic=UNREAD).cut == 92


def test_of_what_is_on_hold_nothing_goes(monkeypatch, settings):
    everywhere = {"polyglot-ingest": 100, "polyglot-normalize": 100}
    part = planned(monkeypatch, settings, everywhere, hold())
    assert (part.records, part.kept_by) == (0, "hold")


def test_the_settings_retention_holds_for_all(monkeypatch, settings):
    everywhere = {"polyglot-ingest": 100, "polyglot-normalize": 100}
    for kept_ms, cut in ((-1, 10), (2 * DAY_MS, 97)):
        kafka = settings.kafka.model_copy(update={"retention_ms": kept_ms})
        assert planned(monkeypatch, settings.model_copy(update={"kafka": kafka}), everywhere).cut == cut


def test_a_broker_cuts_by_age_only_what_it_may():
    topics, held = domains().topics, parse(hold()).topics
    assert {name for name, topic in topics.items() if not topic.cut_by_broker} == set(domains().raw_topics())
    assert all(topics[name].archive == "bronze_raw" for name in domains().raw_topics())
    for found, topic in (("-1", topics[RAW]), ("-1", held[RAW]), (str(7 * DAY_MS), topics["normalized.trade.v1"])):
        assert wanted_config(topic, retention_ms=None, max_message_bytes=1)["retention.ms"] == found
