"""The audit tells repeats, which delivery may make, from conflicts and holes, which nothing may make."""

from collections import defaultdict

import pytest

from devstack.chaos.audit import Audit, missing_numbers
from runtime.config import Settings


@pytest.fixture
def audit():
    return Audit(Settings())


def trade(seq):
    return {"entity_id": "sim:BTCUSDT", "ingest_date": 20_000, "entity_seq": seq}


def bar(version):
    return {"entity_id": "sim:BTCUSDT", "interval": "1s", "window_start": 0, "version": version}


def test_a_hole_and_a_conflict_are_found_in_a_sequence(audit):
    seen = defaultdict(dict)
    for seq, value in ((1, b"a"), (2, b"b"), (4, b"d"), (2, b"b"), (4, b"other")):
        audit.note(seen, "trade", trade(seq), value)
    assert missing_numbers(seen) == 1
    assert audit.found == {"conflicting_copies": 1, "transport_copies": 1, "rewound_versions": 0}


def test_a_revised_bar_may_differ_on_the_way_but_not_in_its_last_version(audit, monkeypatch):
    monkeypatch.setattr(audit, "_sources", [])
    seen = defaultdict(dict)
    for version, trades, value in ((2, 2, b"two"), (2, 1, b"one, cancelled"), (3, 2, b"all"), (2, 2, b"two")):
        audit.note(seen, "bar", bar(version) | {"trade_count": trades}, value)
    assert audit.run()["conflicting_copies"] == 0
    audit.note(seen, "bar", bar(3) | {"trade_count": 2}, b"other")
    assert audit.run()["conflicting_copies"] == 1


def test_versions_may_rewind_but_never_differ(audit):
    seen = defaultdict(dict)
    for version, value in ((1, b"1"), (3, b"3"), (2, b"2"), (3, b"3"), (2, b"x")):
        audit.note(seen, "bar", bar(version), value)
    assert audit.found == {"conflicting_copies": 1, "transport_copies": 1, "rewound_versions": 2}
