"""What dead letters amount to: each event once, whatever its copies, and nothing that is settled."""

import json

import pytest

from operations import attention, tally
from operations.tally import Tally, digest_of, load, save, settle, settled
from runtime.config import Settings
from runtime.records import Record
from udfs.wire.dead_letters import DeadLetter

INGESTION, NORMALIZATION = attention.DEAD_LETTERS


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path)


def letter(name, reason="late", domain="normalization"):
    return DeadLetter(name, domain, "raw.sim.trade.v1", "sim:A", reason, "", "trade.v1", 1, b"x").encode()


@pytest.fixture
def log(monkeypatch):
    """Topics as a broker would have them: (topic, partition) → values."""
    held = {(INGESTION, 0): [], (NORMALIZATION, 0): [], (NORMALIZATION, 1): []}

    class Reader:
        def __init__(self, settings):
            pass

        def begins(self, topics):
            return dict.fromkeys((place for place in held if place[0] in topics), 0)

        def ends(self, topics):
            return {place: len(values) for place, values in held.items() if place[0] in topics}

    def read(settings, begin, end, *, budget_s=None):
        for place, stop in end.items():
            for offset in range(begin.get(place, 0), stop):
                yield Record(*place, offset, held[place][offset])

    monkeypatch.setattr(attention, "OffsetReader", Reader)
    monkeypatch.setattr(attention, "read", read)
    monkeypatch.setattr(attention, "count_open", lambda settings: 0)
    for module in (attention, tally):
        monkeypatch.setattr(module, "cluster_of", lambda settings: "one")
    return held


def test_copies_and_second_deliveries_are_one_event(settings, log):
    log[NORMALIZATION, 0] += [letter("a"), letter("a"), letter("a", "behind_dedup_window"), letter("a~redriven")]
    log[NORMALIZATION, 1] += [letter("b", "behind_dedup_window"), letter("c", "future"), letter("d~amended"), b"none"]
    log[INGESTION, 0] += [letter(name, "conflict", "ingestion") for name in ("a:conflict:1", "a:conflict:1", "a:x:2")]
    found = attention.attention(settings)
    assert (found.to_amend, found.conflicts, found.complete) == (2, 2, True)
    assert found.dead_letters == {
        "late": 4, "behind_dedup_window": 2, "future": 1, "conflict": 3, "(not readable)": 1,
    }  # fmt: skip


def test_the_hint_goes_when_all_is_settled_and_comes_back_with_the_next_event(settings, log):
    log[NORMALIZATION, 0] += [letter("a"), letter("b", "behind_dedup_window")]
    assert attention.attention(settings).to_amend == 2
    settle(settings, ["b"])
    assert attention.attention(settings).rows()[1][1:] == ["1 events", "polyglot amend"]
    settle(settings, ["a~redriven"])
    log[NORMALIZATION, 0] += [letter("a")]  # once more: still settled
    assert attention.attention(settings).rows()[1][1:] == ["0 events", ""]
    log[NORMALIZATION, 1] += [letter("c")]
    assert attention.attention(settings).to_amend == 1


def test_topics_made_anew_are_counted_anew(settings, log):
    log[NORMALIZATION, 0] += [letter("a"), letter("b")]
    attention.attention(settings)
    log[NORMALIZATION, 0][:] = [letter("c")]
    assert attention.attention(settings).dead_letters == {"late": 1}


def test_counts_are_those_of_one_cluster_and_one_version(settings):
    one = Tally({"t/0": 5}, tally.Counter(late=2), {digest_of("a")}, {digest_of("b")}, full=True)
    save(settings, "a", one)
    assert load(settings, "a") == one
    assert load(settings, "b") == Tally()
    file = settings.var_dir / "status" / "dead_letters.json"
    for broken in ('{"cluster": "a", "at": 3', json.dumps({"cluster": "a", "at": {"0": 5}, "counts": {}})):
        file.write_text(broken)
        assert load(settings, "a") == Tally()


def test_what_is_settled_is_so_for_one_cluster(settings, log, monkeypatch):
    settle(settings, ["a", "b"])
    settle(settings, ["b", "c"])
    assert settled(settings, "one") == {digest_of(name) for name in "abc"}
    assert settled(settings, "two") == set()


def test_more_events_than_are_told_apart_make_a_lower_bound(settings, log, monkeypatch):
    monkeypatch.setattr(tally, "MOST", 2)
    log[NORMALIZATION, 0] += [letter("a"), letter("b"), letter("a")]
    assert attention.attention(settings).complete
    log[NORMALIZATION, 0] += [letter("c")]
    found = attention.attention(settings)
    assert (found.to_amend, found.complete, found.dead_letters["late"]) == (2, False, 4)
