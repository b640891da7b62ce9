"""A job that is a cluster of its own is upgraded: it records from where its new rules hold, and replays agree."""

import json

import pytest
from support.application import Application
from support.patience import wait_for
from support.stack import started

from operations.jobs import STAGES
from runtime.offsets import OffsetReader, lag

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

NOON = 1_723_118_400_000  # 2024-08-08T12:00Z, ms
DEAR = '["normalized.trade.v1".dear]\ntype = "range"\naction = "fail"\nfield = "price"\nmost = "8"\n'


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with started(tmp_path_factory.mktemp("application"), rules="") as one:
        one.saved = one.json("savepoint", "normalize", "--stop")["normalize"]
        yield one


@pytest.fixture
def application(stack):
    one = Application(stack, "normalize")
    yield one
    one.end()


def feed(stack, seconds, folder):
    """Feed a trade a second, each tenth of which is dear; return how many those are."""
    path, dear = folder / f"{seconds.start}", 0
    with path.open("w") as out:
        for n in seconds:
            at, price = NOON + 1_000 * n, "9" if n % 10 == 5 else "1.5"
            body = {
                "e": "trade",
                "E": at,
                "T": at,
                "s": "BTCUSDT",
                "t": n,
                "p": price,
                "q": "1",
                "X": "MARKET",
                "m": True,
            }
            out.write(f"{(at + 500) * 1_000_000} {json.dumps(body, separators=(',', ':'))}\n")
            dear += price == "9"
    stack.json("feed", "binance_usdm", "--capture", str(path))
    return dear


def read(stack):
    """Wait until a checkpoint says that normalize has read what was fed."""
    (stage,) = (one for one in STAGES[0] if one.job == "normalize")
    reader = OffsetReader(stack.settings)
    ends = reader.ends(stage.reads)
    wait_for(lambda: not lag(ends, reader.committed(stage.group, ends)), 180, "normalize does not read", every=0.5)


def told(stack):
    found = stack.json("versions")
    return [(one["family"], one["version"], one["action"], sum(at["offset"] for at in one["offsets"])) for one in found]


def test_an_upgrade_records_its_cut_over(stack, application, tmp_path):
    first = told(stack)
    assert first == [("bar", 1, "submit", 0), ("normalize", 1, "submit", 0)]
    application.start(stack.saved)
    feed(stack, range(300), tmp_path)
    read(stack)
    assert told(stack) == first, "the same release: nothing is new"
    saved = application.stop()

    stack.rules.write_text(DEAR)
    application.start(saved)
    dear = feed(stack, range(300, 500), tmp_path)
    read(stack)
    assert told(stack) == [*first, ("normalize", 1, "submit", 300)]
    saved = application.stop()

    # Its successor of the same release has nothing to record, wherever it runs.
    stack.json("restore", "normalize", "--from", saved)
    stack.json("drain", "--timeout", "600")
    assert len(told(stack)) == 3
    assert stack.json("deadletters", "ls", "--reason", "quality.dear")["count"] == dear > 0
    proof = stack.json("verify")
    assert proof["differences"] == 0 < proof["records"]
