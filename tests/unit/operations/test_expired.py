"""What retention has cut before a job had read it: found by its groups' places, refused, or filled from Bronze."""

from __future__ import annotations

import pytest

from operations import expired
from operations.expired import Expired, cuts, fill, refuse
from runtime.console import CommandError

RAW, TRADES = "raw.sim.trade.v1", "normalized.trade.v1"


@pytest.fixture
def log(monkeypatch):
    """Let these be the oldest offsets, the ends and the groups' places; topics that are not named have nothing."""

    def holds(begins, ends, committed):
        class Reader:
            def __init__(self, settings):
                pass

            def begins(self, topics):
                return {place: offset for place, offset in begins.items() if place[0] in topics}

            def ends(self, topics):
                return {place: offset for place, offset in ends.items() if place[0] in topics}

            def committed(self, group, places):
                return {place: committed[group, *place] for place in places if (group, *place) in committed}

        monkeypatch.setattr(expired, "OffsetReader", Reader)

    return holds


def both_cut(log):
    log(
        {(RAW, 0): 100, (RAW, 1): 5, (TRADES, 0): 70},
        {(RAW, 0): 400, (RAW, 1): 9, (TRADES, 0): 80},
        {
            ("polyglot-normalize", RAW, 0): 40,
            ("polyglot-normalize", RAW, 1): 5,  # the oldest record is the next one
            ("polyglot-ingest", RAW, 0): 400,
            ("polyglot-analytics-trade", TRADES, 0): 60,
            ("polyglot-silver_trade", TRADES, 0): 75,
        },
    )


def test_gone_is_what_lies_between_a_groups_place_and_the_oldest_record(log, settings):
    both_cut(log)
    assert cuts(settings, ["normalize", "ingest"]) == [
        Expired("normalize", "polyglot-normalize", RAW, 0, position=40, begin=100, end=400)
    ]
    assert [one.records for one in cuts(settings, ["analytics"])] == [10]


def test_a_group_without_a_place_has_lost_nothing(log, settings):
    log({(RAW, 0): 100}, {(RAW, 0): 400}, {})
    assert cuts(settings, ["normalize", "ingest"]) == []


def test_a_topic_that_was_made_anew_is_none_that_can_be_read_on(log, settings):
    log({(RAW, 0): 0}, {(RAW, 0): 10}, {("polyglot-normalize", RAW, 0): 11})
    with pytest.raises(CommandError, match="made anew") as refused:
        refuse(cuts(settings, ["normalize"]))
    assert "--fill" not in refused.value.hint
    log({(RAW, 0): 0}, {(RAW, 0): 10}, {("polyglot-normalize", RAW, 0): 10})
    assert cuts(settings, ["normalize"]) == []


def test_what_is_gone_is_named_with_what_can_be_done(log, settings):
    both_cut(log)
    refuse([])
    with pytest.raises(CommandError, match=rf"normalize: at most 60 of {RAW}/0") as refused:
        refuse(cuts(settings, ["normalize"]))
    assert "--fill" in refused.value.hint
    assert "--skip-expired" in refused.value.hint
    with pytest.raises(CommandError, match=rf"at most 10 of {TRADES}/0") as refused:
        refuse(cuts(settings, ["analytics"]))
    assert "--fill" not in refused.value.hint, "Bronze has no normalized records"


def test_filled_is_all_from_the_place_to_where_the_topic_ends_now(log, settings):
    both_cut(log)
    asked = {}

    def extract(spans, folder):
        asked.update(spans)
        return dict.fromkeys(spans, 7)

    folder, count = fill(settings, extract)
    assert (asked, count) == ({(RAW, 0): (40, 400)}, 7)
    assert folder == settings.var_dir.resolve() / "fill"


def test_what_an_earlier_fill_has_left_is_not_read_again(log, settings):
    both_cut(log)
    left = settings.var_dir / "fill" / "raw.sim.trade.v1-1.parquet"
    left.parent.mkdir(parents=True)
    left.touch()
    fill(settings, lambda spans, folder: {})
    assert not left.exists()


def test_nothing_is_filled_where_nothing_is_gone_or_bronze_has_no_copy(log, settings):
    log({(RAW, 0): 40}, {(RAW, 0): 400}, {("polyglot-normalize", RAW, 0): 40})
    assert fill(settings, lambda *_: pytest.fail("asked Bronze")) == (None, 0)
    log({(TRADES, 0): 70}, {(TRADES, 0): 80}, {("polyglot-silver_trade", TRADES, 0): 60})
    with pytest.raises(CommandError, match=TRADES):
        fill(settings, lambda *_: pytest.fail("asked Bronze"))
