import hashlib
import json
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from collectors.capture import Capture
from collectors.run import write_capture
from collectors.sim import DEFAULT_START_US, SimSpec, Simulator
from collectors.sim.faults import FAULTS, ONCE, fault_of
from collectors.wrap import Wrapper
from runtime.console import Console
from schemas.domains import raw_topic
from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode

REVISED = SimSpec(seed=5, cancel_share=0.02, correct_share=0.05, late_share=0.05, duplicate_share=0.02)
ROUGH = SimSpec(seed=3, agg_trade_share=0.1, malformed_share=0.01, duplicate_share=0.02, late_share=0.05)


def frames(spec: SimSpec, count: int, after: int = 0, **parts: int) -> list[tuple]:
    return [
        row
        for block in Simulator(spec, count, **parts).blocks(after)
        for row in zip(
            block.seq, block.receive_us, block.payload, block.entity_id, block.channel, block.event_id,
            block.event_time, strict=True,
        )
    ]  # fmt: skip


@pytest.fixture(scope="module")
def rough():
    return frames(ROUGH, 20_000)


def test_the_bytes_of_a_seed_are_pinned():
    """On any machine and in any version: a change here changes every benchmark and every recorded digest."""
    digest = hashlib.sha256()
    for seq, receive_us, payload, *_ in frames(SimSpec(), 20_000):
        digest.update(b"%d %d %s\n" % (seq, receive_us, payload))
    assert digest.hexdigest() == "a8e2f4b2d7398da30768c65fe54fa16b58253e2be6f1c077e1a47c780b286f36"


def test_a_shorter_run_is_a_prefix(rough):
    assert frames(ROUGH, 3_000) == rough[:3_000]


def test_resuming_yields_the_rest(rough):
    assert frames(ROUGH, 20_000, after=12_345) == rough[12_345:]


def test_another_seed_gives_other_frames(rough):
    other = frames(SimSpec(**{**ROUGH.__dict__, "seed": 4}), 1_000)
    assert not {row[2] for row in other} & {row[2] for row in rough if len(row[2]) > 100}


def test_parts_make_the_whole_and_share_no_entity(rough):
    parts = [frames(ROUGH, 20_000, part=part, parts=3) for part in range(3)]
    assert sorted(row for part in parts for row in part) == rough
    entities = [{row[3] for row in part} for part in parts]
    assert not entities[0] & entities[1]
    assert not entities[0] & entities[2]
    assert not entities[1] & entities[2]


def test_the_identity_it_states_is_the_one_that_its_bytes_have(rough):
    for _, _, payload, entity_id, channel, event_id, event_time in rough:
        found = assign("sim", payload)
        assert (entity_id, channel, event_id, event_time) == (
            found.entity_id,
            found.channel,
            found.event_id,
            found.event_time,
        )


@pytest.mark.parametrize("spec", [ROUGH, REVISED], ids=["rough", "revised"])
def test_the_manifest_is_what_normalization_makes_of_it(spec):
    sim = Simulator(spec, 50_000)
    wrapper, shards = Wrapper("sim", sim.source_id), {}
    seen, reasons, ids = Counter(), Counter(), defaultdict(set)
    for block in sim.blocks(0):
        by_channel = defaultdict(list)
        for channel, value, event_id in zip(block.channel, wrapper.wrap(block), block.event_id, strict=True):
            by_channel[channel].append(value)
            ids[raw_topic("sim", channel)].add(event_id)
        for channel, values in by_channel.items():
            envelopes, _, bad = decode(values)
            assert not bad
            shard = shards.setdefault(channel, Normalizer(raw_topic("sim", channel)))
            out = shard.process(envelopes)
            seen.update(
                duplicates=out.duplicates, not_normalized=out.not_normalized,
                trade=len(out.trades), quote=len(out.quotes), dead=len(out.dead_letters),
            )  # fmt: skip
            seen.update(record.topic.split(".")[1] for record in out.low_rate)
            reasons.update(letter.reason for letter in out.dead_letters)
    manifest = sim.manifest.document()
    assert seen["duplicates"] == manifest["duplicates"] > 500
    assert seen["not_normalized"] == manifest["not_normalized"]
    kinds = ("trade", "quote") if spec is ROUGH else ("trade", "quote", "trade_cancel", "trade_correct")
    assert {kind: seen[kind] for kind in kinds} == manifest["normalized"]
    assert reasons == manifest["dead_letters"]
    assert {topic: len(found) for topic, found in ids.items()} == manifest["unique_per_topic"]
    assert manifest["frames"] == 50_000 == manifest["unique"] + manifest["duplicates"]
    assert manifest["unique"] == sum(seen[kind] for kind in kinds) + seen["not_normalized"] + seen["dead"]
    assert set(manifest["malformed"]) == set(FAULTS)


def test_trade_ids_are_dense_and_receive_times_rise(rough):
    assert [row[1] for row in rough] == sorted(row[1] for row in rough)
    ids = defaultdict(set)
    for _, _, payload, _, channel, _, _ in frames(SimSpec(malformed_share=0, late_share=0), 20_000):
        if channel == "trade":
            body = json.loads(payload)["data"]
            ids[body["s"]].add(body["t"])
    for found in ids.values():
        missing = set(range(min(found), max(found) + 1)) - found
        assert len(missing) <= 5  # the last few are still under way when the run ends
    assert len(ids) == 20


def test_depth_frames_name_their_predecessor(rough):
    chains = defaultdict(list)
    for payload in {row[2] for row in rough if row[4] == "depth"}:
        body = json.loads(payload)["data"]
        chains[body["s"]].append((body["pu"], body["U"], body["u"]))
    linked = 0
    for chain in chains.values():
        last = {before: end for before, _, end in chain}
        linked += sum(end in last for end in last.values())
        assert all(start == before + 1 <= end for before, start, end in chain)
    assert linked > 200


def test_sizes_reach_both_ends_of_the_contract():
    sizes = Counter()
    for row in frames(SimSpec(malformed_share=0), 20_000):
        if row[4] == "trade":
            sizes[json.loads(row[2])["data"]["q"]] += 1
    assert sizes["0.00000001"]
    assert sizes["1000000000"]


def test_disorder_lateness_and_copies_are_there(rough):
    times = [row[6] for row in rough if row[4] == "trade" and row[6] and row[6] < row[1]]
    assert sum(a > b for a, b in pairwise(times)) > 1_000
    lags = [row[1] - row[6] for row in rough if row[6] and 0 <= row[1] - row[6] < 20_000_000]
    assert max(lags) > 9_000_000
    ids = Counter(row[5] for row in rough)
    assert 200 < sum(count - 1 for count in ids.values()) < 600


def test_each_fault_comes_once_before_any_comes_again_and_some_only_once():
    names = [fault_of(i) for i in range(5 * len(FAULTS))]
    assert sorted(names[: len(FAULTS)]) == sorted(FAULTS)
    counts = Counter(names)
    assert all(counts[name] == 1 for name in ONCE)
    assert all(counts[name] > 1 for name in FAULTS if name not in ONCE)


def test_a_written_capture_reads_back_and_is_the_same_file_every_time(tmp_path):
    console = Console(quiet=True)
    report = write_capture(ROUGH, 5_000, tmp_path / "a.gz", console)
    write_capture(ROUGH, 5_000, tmp_path / "b.gz", console)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    back = [
        row
        for block in Capture("sim", tmp_path / "a.gz").blocks(0)
        for row in zip(block.seq, block.receive_us, block.payload, strict=True)
    ]
    assert back == [row[:3] for row in frames(ROUGH, 5_000)]
    assert report["manifest"]["frames"] == report["frames"] == 5_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"late_max_s": 130.0}, "horizon"),
        ({"clock_offset_ms": -5001}, "clock offset"),
        ({"clock_offset_ms": 119_000}, "horizon"),
        ({"trade_share": 0.9, "depth_share": 0.2}, "depth share"),
        ({"malformed_share": 1.5}, "malformed share"),
        ({"rate": 0}, "rate"),
        ({"symbols": 0}, "symbols"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_spec_whose_good_frames_would_be_rejected_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        SimSpec(**change)


def test_the_clock_offset_moves_receive_times_only():
    plain, behind = frames(SimSpec(), 100), frames(SimSpec(clock_offset_ms=-1270), 100)
    assert [(t - 1_270_000, p) for _, t, p, *_ in plain] == [(t, p) for _, t, p, *_ in behind]
    assert plain[0][1] >= DEFAULT_START_US


def test_revisions_are_of_accepted_trades_later_and_move_nothing_else():
    body = lambda payload: json.loads(payload)["data"]  # noqa: E731
    every = frames(REVISED, 60_000)
    plain = frames(SimSpec(**{**REVISED.__dict__, "cancel_share": 0.0, "correct_share": 0.0}), 58_000)
    kept = [row[1:] for row in every if not row[4].startswith("trade_c")]
    assert kept[:55_000] == [row[1:] for row in plain][:55_000]
    trades = {(row[3], body(row[2])["t"]): (body(row[2])["T"], row[1]) for row in every if row[4] == "trade" and row[2]}
    found, early = Counter(), 0
    for _, received, payload, entity, channel, _, _ in every:
        if not channel.startswith("trade_c"):
            continue
        revision = body(payload)
        found[channel, revision["r"]] += 1
        assert 1_000 <= revision["T"] - revision["O"] <= 10_000
        if trade := trades.get((entity, revision["t"])):
            assert trade[0] == revision["O"]
            early += received < trade[1]
    assert {("trade_cancel", 1), ("trade_correct", 1), ("trade_correct", 2), ("trade_cancel", 2)} <= set(found)
    assert early > 5
    parts = [frames(REVISED, 60_000, part=part, parts=3) for part in range(3)]
    assert sorted(row for part in parts for row in part) == every


def test_a_sequence_without_revisions_keeps_its_name():
    assert SimSpec().source_id == "sim:aa1811ce373ba312"
    assert SimSpec(cancel_share=0.1).source_id != SimSpec().source_id != SimSpec(correct_share=0.1).source_id


def test_a_later_sequence_has_later_ids():
    """Else a venue would use its ids again, and what came later would be taken for copies."""
    hour_us = 3_600_000_000
    first, later = (
        {row[5] for row in frames(SimSpec(start_us=DEFAULT_START_US + hours * hour_us), 2_000)} for hours in (0, 1)
    )
    assert first & later <= {assign("sim", b"").event_id}
