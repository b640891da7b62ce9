"""What a released version saved, this version restores, comes to the same bytes, and accounts for all that it read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from support.fold_metrics import counts, lags
from support.golden import AFTER, FOLDER, digests, load
from support.stack import Stack

from runtime.offsets import OffsetReader
from schemas.domains import domains

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

VERSIONS = sorted(one.name for one in FOLDER.iterdir())


@dataclass
class Restored:
    """A stack that went on from a version's savepoints.

    ``fed`` is the manifest of the frames that came since; ``written``: topic → how many records it got since.
    """

    stack: Stack
    version: str
    submitted: list[dict[str, Any]]
    fed: dict[str, Any]
    digests: dict[str, str]
    written: dict[str, int]


def ends(stack: Stack) -> dict[str, int]:
    """Return how many records each topic has."""
    found = dict.fromkeys(domains().topics, 0)
    for (topic, _), end in OffsetReader(stack.settings).ends(found).items():
        found[topic] += end
    return found


@pytest.fixture(scope="module", params=VERSIONS)
def restored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    stack = Stack(tmp_path_factory.mktemp("golden"), memory_mb=2560, slots=8)
    try:
        stack.json("up")
        load(stack, FOLDER / request.param)
        before = ends(stack)
        submitted = stack.json("submit")
        fed = stack.json(*AFTER)["manifest"]
        found = digests(stack)
        written = {topic: end - before[topic] for topic, end in ends(stack).items()}
        yield Restored(stack, request.param, submitted, fed, found, written)
    finally:
        stack.close()


def test_it_is_restored_and_goes_on_to_the_known_bytes(restored: Restored) -> None:
    folder = restored.stack.layout.savepoints
    assert [one["restored_from"] for one in restored.submitted] == [
        str(folder / one["name"]) for one in restored.submitted
    ]
    assert restored.digests == json.loads((FOLDER / restored.version / "digests.json").read_text())


def test_every_fold_accounts_for_what_it_read_and_wrote(restored: Restored) -> None:
    found, written = counts(restored.stack), restored.written

    def total(*topics: str) -> int:
        return sum(written[topic] for topic in topics)

    assert {fold: its["records_in_total"] for fold, its in found.items()} == {
        "contract_gate": total(*domains().raw_topics()),
        "normalize": total(*domains().raw_topics(normalized_only=True)),
        "silver_trade": total("normalized.trade.v1"),
        "silver_quote": total("normalized.quote.v1"),
        "bars": total("normalized.trade.v1", "normalized.trade_cancel.v1", "normalized.trade_correct.v1"),
        "quote_bars": total("normalized.quote.v1"),
    }
    fed = restored.fed
    gate, normalized = found["contract_gate"], found["normalize"]
    assert (gate["records_in_total"], gate["accepted_total"]) == (fed["frames"], fed["unique"])
    assert (gate["duplicates_total"], normalized["duplicates_total"]) == (fed["duplicates"], fed["duplicates"])
    assert gate["dead_letters_total"] + gate["conflicts_total"] == total("deadletter.ingestion.v1")
    assert normalized["accepted_total"] == sum(fed["normalized"].values())
    assert normalized["dead_letters_total"] == sum(fed["dead_letters"].values())
    assert normalized["dead_letters_total"] == total("deadletter.normalization.v1") > 0
    assert normalized["passed_over_total"] == fed["not_normalized"]
    assert found["bars"]["results_total"] == total("analytics.bar.v1") > 0
    assert found["quote_bars"]["results_total"] == total("analytics.quote_bar.v1") > 0
    for fold in ("bars", "quote_bars"):
        assert (found[fold]["lost_total"], found[fold]["repair_requests_total"]) == (0, total("repair.analytics.v1"))
    assert all(its["state_bytes"] > 0 for its in found.values())
    assert all(lag > 0 for lag in lags(found))
