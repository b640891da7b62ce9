"""Records sent again: how they say so, how they are judged, and that a replay gives the verdicts that were given."""

import pytest
from property.frames import MIDNIGHT, SECOND, binance_trade, spot_book
from property.oracle import Raw, envelope, read

from operations.dead_letters.listing import DeadLetterEntry
from operations.dead_letters.redrive import Known, copies
from schemas.quality import Quality, parse
from udfs.gate.assign import assign
from udfs.gate.resubmitted import REDRIVE, Resubmitted, Verdicts, digest_of, redriven, resubmitted
from udfs.normalize.normalizer import Normalizer
from udfs.values.rejects import Reject
from udfs.wire.envelope import decode

STRICT = parse('["normalized.trade.v1".dear]\ntype="range"\naction="fail"\nfield="price"\nmost="100"')
QUOTES = parse('["normalized.quote.v1".dear]\ntype="range"\naction="fail"\nfield="bid_price"\nmost="100"')
NOTHING = Quality(())


def raw(number, time, price, *, venue="sim", build=binance_trade, received=None):
    payload = build("BTCUSDT", number, time, price, "1")
    found = assign(venue, payload)
    received = time if received is None else received
    source = "ingest" if found.event_time is None else "venue"
    event_time = received if found.event_time is None else found.event_time
    return envelope(
        Raw(found.event_id, found.entity_id, venue, found.channel, event_time, source, received, "a", number, payload)
    )


def values(out):
    return (out.trades if len(out.trades) else out.quotes).encode()


def letter(one):
    names = DeadLetterEntry.__dataclass_fields__
    return DeadLetterEntry(**{name: getattr(one, name) for name in names})


def run(topic, strict, log):
    """Return what a stream makes of a log under strict rules, its letters redriven, and all of it after the fix."""
    stream = Normalizer(topic, strict)
    before = stream.process(decode(log)[0])
    newest = max(decode(log)[0].ingest_time.tolist())
    known = Known({(topic, one.entity_id): newest for one in before.dead_letters})
    sent, skipped = copies(map(letter, before.dead_letters), known)
    stream = Normalizer.restore(topic, [stream.snapshot()], NOTHING)
    after = stream.process(decode([copy.value for copy in sent])[0])
    return before, sent, skipped, after


def replay(topic, log, quality=NOTHING):
    envelopes = decode(log)[0]
    verdicts = Verdicts(zip(envelopes.event_id, envelopes.source_id, strict=True))
    return Normalizer(topic, quality, verdicts).process(envelopes)


@pytest.mark.parametrize(
    ("topic", "venue", "build", "rules"),
    [
        ("raw.sim.trade.v1", "sim", binance_trade, STRICT),
        ("raw.binance_spot.book_ticker.v1", "binance_spot", spot_book, QUOTES),  # without a time of its own
    ],
)
def test_a_redriven_record_is_accepted_as_the_original_would_be_and_replays_agree(topic, venue, build, rules):
    log = [
        raw(n, MIDNIGHT + n * 60 * SECOND, price, venue=venue, build=build)
        for n, price in enumerate(["90", "101", "95", "102.5", "99"], 1)
    ]
    before, sent, skipped, after = run(topic, rules, log)
    assert [one.reason for one in before.dead_letters] == ["quality.dear"] * 2
    assert (len(sent), skipped, after.dead_letters, len(values(after))) == (2, [], [], 2)
    kind = "trade" if build is binance_trade else "quote"
    record = read(kind, values(after)[0])
    assert record["event_id"] == before.dead_letters[0].dead_letter_id
    assert record["venue_trade_id" if kind == "trade" else "venue_update_id"] == "2"
    assert record["entity_seq"] == 4
    assert record["event_time"].timestamp() * SECOND == MIDNIGHT + 2 * 60 * SECOND
    assert record["source_id"].startswith(f"redrive:{MIDNIGHT + 2 * 60 * SECOND}:")
    whole = replay(topic, [*log, *(copy.value for copy in sent)])
    assert values(whole) == values(before) + values(after)
    assert [one.encode() for one in whole.dead_letters] == [one.encode() for one in before.dead_letters]


def test_a_copy_that_is_rejected_again_can_be_redriven_again():
    topic, log = "raw.sim.trade.v1", [raw(1, MIDNIGHT, "101")]
    first = Normalizer(topic, STRICT).process(decode(log)[0]).dead_letters[0]
    (second,), _ = copies([letter(first)], Known({}))
    again = replay(topic, [*log, second.value], STRICT).dead_letters
    assert [one.dead_letter_id for one in again] == [second.original_id, second.event_id]
    (third,), skipped = copies(
        map(letter, again), Known({}, frozenset({(topic, second.key, second.event_id)}), frozenset({digest_of(log[0])}))
    )
    assert (third.event_id, [one.dead_letter_id for one in skipped]) == (
        f"{second.original_id}~redriven2",
        [second.original_id],
    )
    done = replay(topic, [*log, second.value, third.value])
    assert [one.encode() for one in done.dead_letters] == [one.encode() for one in again]
    assert read("trade", values(done)[0])["event_id"] == second.original_id


def test_lateness_is_that_of_the_first_time():
    topic = "raw.sim.trade.v1"
    fine = raw(1, MIDNIGHT, "101", received=MIDNIGHT + 119 * SECOND)
    late = raw(2, MIDNIGHT, "101", received=MIDNIGHT + 121 * SECOND)
    newest = MIDNIGHT + 3_600 * SECOND
    found = [letter(one) for one in Normalizer(topic, STRICT).process(decode([fine, late])[0]).dead_letters]
    assert [one.reason for one in found] == ["quality.dear", "late"]
    sent, skipped = copies(found, Known({(topic, "sim:BTCUSDT"): newest}))
    assert decode([sent[0].value])[0].ingest_time.tolist() == [newest]
    lagging = parse('["normalized.trade.v1".slow]\ntype="range"\naction="fail"\nfield="lag"\nmost="119"')
    assert len(Normalizer(topic, lagging).process(decode([sent[0].value])[0]).trades) == 1
    assert [(one.dead_letter_id, one.why.split(":")[0]) for one in skipped] == [("sim:BTCUSDT:trade:2", "late")]


def test_an_amended_record_that_a_rule_rejected_is_redriven_like_any_other():
    topic, late, now = "raw.sim.trade.v1", MIDNIGHT, MIDNIGHT + 500 * SECOND
    found = decode([raw(7, late, "101", received=now)])[0]
    event_id, *middle, _, _, payload = found.row(0)
    amended = envelope(Raw(f"{event_id}~amended", *middle, f"amend:{600 * SECOND}:{'f1' * 16}", 1, payload))
    before, sent, skipped, after = run(topic, STRICT, [amended])
    assert [one.reason for one in before.dead_letters] == ["quality.dear"]
    assert ([copy.event_id for copy in sent], skipped) == ([f"{event_id}~amended~redriven"], [])
    record = read("trade", values(after)[0])
    assert (record["event_id"], record["venue_trade_id"]) == (f"{event_id}~amended", "7")
    whole = replay(topic, [amended, sent[0].value])
    assert values(whole) == values(after)
    assert [one.encode() for one in whole.dead_letters] == [one.encode() for one in before.dead_letters]


def test_what_says_that_it_is_redriven_is_left_to_the_gate():
    """The scanner would accept the frame."""
    event_id, *middle, _, seq, payload = decode([raw(7, MIDNIGHT, "101")])[0].row(0)
    claims = envelope(Raw(event_id, *middle, f"redrive:{MIDNIGHT}:x:late:", seq, payload))
    got = Normalizer("raw.sim.trade.v1").process(decode([claims])[0])
    assert [one.reason for one in got.dead_letters] == ["wrong_identity"]


def test_letters_that_cannot_be_sent_again_say_why():
    no_envelope = DeadLetterEntry("x", "ingestion", "raw.sim.trade.v1", "", "bad_magic", "", "raw_envelope.v1", 0, b"?")
    conflict = DeadLetterEntry(
        "x", "ingestion", "raw.sim.trade.v1", "", "conflict", "", "raw_envelope.v1", 0, raw(1, 1, "1")
    )
    sent, skipped = copies([no_envelope, conflict], Known({}))
    assert sent == []
    assert "no envelope" in skipped[0].why
    assert "the first copy" in skipped[1].why


def test_ids_are_written_and_read():
    copy = redriven("sim:A:trade:7", 1, 17, Reject("quality.x", "price: a:b, ü"), b"record")
    assert copy.copy_id == "sim:A:trade:7~redriven"
    assert resubmitted(copy.copy_id, copy.source_id) == copy
    assert (copy.verdict.reason, copy.verdict.detail) == ("quality.x", "price: a:b, ü")
    second = redriven("sim:A:trade:7", 2, 17, Reject("late", ""), b"its copy")
    assert second.copy_id == "sim:A:trade:7~redriven2"
    assert resubmitted(second.copy_id, second.source_id) == second
    amended = Resubmitted("amend", 120, "sim:A:trade:7", 1, "f1" * 16)
    assert resubmitted("sim:A:trade:7~amended", f"amend:120:{'f1' * 16}") == amended
    assert (amended.copy_id, amended.source_id) == ("sim:A:trade:7~amended", f"amend:120:{'f1' * 16}")
    assert resubmitted("sim:A:trade:7~redriven", "a collector") is None


@pytest.mark.parametrize(
    ("event_id", "source_id"),
    [
        ("sim:A:trade:7", "redrive:17:x:late:"),
        ("sim:A:trade:7~amended", "redrive:17:x:late:"),
        ("sim:A:trade:7~redriven", "redrive:soon:x:late:"),
        ("sim:A:trade:7~redriven", "redrive:17:x"),
        ("sim:A:trade:7~redriven1", "redrive:17:x:late:"),
    ],
)
def test_a_source_that_says_more_than_the_event_id_is_refused(event_id, source_id):
    with pytest.raises(Reject, match="wrong_identity"):
        resubmitted(event_id, source_id)
    assert not Verdicts([(event_id, source_id)])


def test_only_the_record_that_was_rejected_keeps_its_verdict():
    copy = redriven("sim:A:trade:7", 1, 17, Reject("quality.x", ""), b"record")
    verdicts = Verdicts([(copy.copy_id, copy.source_id)])
    with pytest.raises(Reject, match=r"quality\.x"):
        verdicts.recall(b"record")
    verdicts.recall(b"another that claims the same ids")
    verdicts.recall(b"record", behind=True)
    assert copy.kind == REDRIVE
