"""``domains.toml`` says what the rest of the project takes from it."""

import re

import pytest

from schemas.contracts import ContractError, all_contracts, by_id, contract
from schemas.domains import UNASSIGNED, domains, duration_ms, raw_topic


def test_every_topic_and_table_has_a_known_contract_and_a_key_that_is_a_field_of_it():
    for topic in domains().topics.values():
        fields = {field["name"] for field in contract(topic.contract).schema["fields"]}
        assert topic.key in fields, topic.name
    for table in domains().tables.values():
        if table.contract:
            fields = {field["name"] for field in contract(table.contract).schema["fields"]}
            assert set(table.key) <= fields, table.name
            assert table.mode in {"append", "upsert"}


def test_topic_names_end_with_a_version_and_say_who_owns_them():
    for topic in domains().topics.values():
        domains_of = "raw|normalized|analytics|deadletter|quality|repair|amendment|proof|release"
        assert re.fullmatch(rf"({domains_of})(\.[a-z0-9_]+)+\.v\d+", topic.name)
        assert topic.domain in {"ingestion", "normalization", "analytics"}


def test_every_venue_has_a_topic_per_channel_and_one_for_frames_of_no_entity():
    for venue in domains().venues.values():
        for channel in (*venue.channels, UNASSIGNED):
            assert domains().topics[raw_topic(venue.name, channel)].contract == "raw_envelope"
        assert set(venue.channels.values()) <= {
            "trade", "quote", "trade_cancel", "trade_correct", "corporate_action", "daily_close", ""
        }  # fmt: skip
        assert set(venue.sequences) <= set(venue.channels)


def test_venues_that_revise_are_those_with_cancels_and_corrections():
    kinds = {"trade_cancel", "trade_correct"}
    revising = {venue.name for venue in domains().venues.values() if kinds & set(venue.channels.values())}
    assert set(domains().revising()) == revising == {"sim"}


def test_raw_topics_that_are_normalized_are_those_with_a_kind_or_a_sequence_and_the_unassigned():
    every, normalized = domains().raw_topics(), domains().raw_topics(normalized_only=True)
    assert set(every) - set(normalized) == {name for name in every if name.split(".")[2] == "control"}
    assert "raw.kraken.unassigned.v1" in normalized


def test_the_horizon_holds_for_every_raw_topic():
    for name in domains().raw_topics():
        topic = domains().topics[name]
        horizon_ms = duration_ms("36500d") if name.startswith("raw.reference.") else 120_000
        assert (topic.max_skew_ms, topic.horizon_ms) == (5_000, horizon_ms)


def test_topics_are_found_by_what_they_become():
    found = [topic.name for topic in domains().topics_becoming("corporate_action", "daily_close")]
    assert found == ["raw.reference.corporate_action.v1", "raw.reference.daily_close.v1"]
    assert "raw.kraken.trade.v1" in {topic.name for topic in domains().topics_becoming("trade")}
    assert domains().topics_becoming() == []


def test_what_adjusted_series_are_computed_from_is_kept_forever():
    for name in ("normalized.corporate_action.v1", "normalized.daily_close.v1", "analytics.adjusted_bar.v1"):
        assert domains().topics[name].retention_ms == -1


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("7d", 604_800_000), ("90s", 90_000), ("5ms", 5), ("2h", 7_200_000), ("3m", 180_000), ("forever", -1)],
)
def test_durations(text, milliseconds):
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "7", "d", "1.5h", "-1s", "7 d", "7w"])
def test_what_is_no_duration_says_what_one_is(text):
    with pytest.raises(ValueError, match=r"a whole number with ms, s, m, h or d"):
        duration_ms(text)


def test_a_contract_is_found_by_name_version_and_id():
    trade = contract("trade")
    assert trade == contract("trade", 1) == by_id(trade.id)
    assert trade.label == "trade.v1"
    assert trade.header == b"\x00\x00\x00\x00\x16"
    assert by_id(999) is None


def test_an_unknown_contract_names_the_known_ones():
    with pytest.raises(ContractError, match=r"no contract 'tick' version any; known: raw_envelope\.v1, quote\.v1"):
        contract("tick")
    with pytest.raises(ContractError, match="version 9"):
        contract("trade", 9)


def test_a_pinned_file_that_changed_or_went_stops_every_reader(folder, monkeypatch):
    monkeypatch.setattr("schemas.contracts.FOLDER", folder.path)
    path = folder.path / "quote.v1.avsc"
    path.write_text(path.read_text() + "\n")
    with pytest.raises(ContractError, match=r"quote\.v1\.avsc differs"):
        all_contracts.__wrapped__()
    path.unlink()
    with pytest.raises(ContractError, match=r"quote\.v1\.avsc is pinned in ids\.lock but is not there"):
        all_contracts.__wrapped__()


def test_every_topic_has_an_owner_and_a_service_level():
    for topic in domains().topics.values():
        domain = domains().domains[topic.domain]
        assert domain.owner
        assert domain.tier in {"gold", "silver"}
        assert domain.lag_objective_ms > 0
    assert domains().domains["normalization"].lag_objective_ms == 250
