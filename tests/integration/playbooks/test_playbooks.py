"""Each playbook is followed on a stack to which just that has happened; afterwards all is well."""

import gzip
import json
import shutil
import signal
from contextlib import suppress

import psutil
import pytest
from support.absent import absent
from support.checkout import checkout, environment
from support.patience import patient, wait_for
from support.playbooks import DO, FOLDER, LOOK, OVER, commands, follow
from support.retention import cut
from support.stack import started

from devstack.chaos.disk import SmallDisk, unmount
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(3600)]

DEAR = """
["normalized.trade.v1".too_dear]
type = "range"
action = "fail"
field = "price"
most = "{}"
"""
NO_PRICE_IS, NONE_IS_DEARER = "0.000000000001", "1000000000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("playbooks")


@pytest.fixture(scope="module")
def disks(folder):
    """Small disks under the lake and the checkpoints; none where this machine does not let us mount any."""
    mounted = []
    with suppress(OSError):
        mounted += [SmallDisk(folder / "var" / name) for name in ("lake", "flink/checkpoints")]
    yield mounted
    for disk in mounted:
        unmount(disk.folder)


@pytest.fixture(scope="module")
def stack(folder, disks):
    with started(folder, rules="") as one:
        try:
            one.json(*feed(1, 3_000))
            one.json("drain")
            yield one
        finally:
            one.run("down")  # what is mounted cannot be wiped
            for disk in disks:
                unmount(disk.folder)


def feed(seed, frames, hour=10):
    start = f"2026-01-05T{hour}:00:00"
    return ["feed", "sim", "--simulate", str(frames), "--seed", str(seed), "--start", start, "--no-resume"]


def counted_trades(stack, entities="%"):
    query = f"select sum(trade_count) from bars_latest where interval = '1d' and entity_id like '{entities}'"
    return int(stack.json("query", query)["rows"][0][0])


def proof(stack):
    """Return what the last verification found."""
    return json.loads((stack.layout.var / "report" / "verify.json").read_text())


def test_every_page_is_followed_here():
    source = (FOLDER.parents[2] / "tests/integration/playbooks/test_playbooks.py").read_text()
    pages = sorted(page.name for page in FOLDER.glob("*.md") if page.name != "index.md")
    assert [page for page in pages if f'"{page}"' not in source] == []
    assert all(len(list(commands(page, LOOK, DO, OVER))) > 3 for page in pages)


def test_lost_taskmanager(stack):
    killed = psutil.Process(stack.pid("taskmanager"))
    killed.send_signal(signal.SIGKILL)
    killed.wait(patient(20))
    stack.json(*feed(2, 1_000, 11))
    with FlinkRest(stack.settings.flink.url) as rest:
        wait_for(lambda: all(rest.job(name) for name in ("ingest", "normalize", "analytics")), 180, "no jobs")
    follow(stack, "lost-taskmanager.md", LOOK, DO, OVER)


def test_poisoned_message(stack):
    before = counted_trades(stack)
    stack.rules.write_text(DEAR.format(NO_PRICE_IS))
    stack.json("apply", "--watch", "20")
    stack.json(*feed(3, 500, 12))
    stack.json("drain")
    found = stack.json("deadletters", "ls", "--reason", "quality.too_dear")
    example = {"sim:BTCUSDT:trade:17": found["dead_letters"][-1]["id"]}
    said = follow(stack, "poisoned-message.md", LOOK, instead=example)
    assert "too_dear" in said["polyglot quality"]
    assert counted_trades(stack) == before
    stack.rules.write_text(DEAR.format(NONE_IS_DEARER))
    follow(stack, "poisoned-message.md", DO, OVER, instead=example)
    assert counted_trades(stack) == before + found["count"] > before


def test_failed_upgrade(stack):
    before = len(stack.json("history"))
    stack.rules.write_text(DEAR.format(NONE_IS_DEARER) + "\n# regretted\n")
    stack.json("apply", "--watch", "20")
    follow(stack, "failed-upgrade.md", LOOK, DO, OVER)
    assert [one["outcome"] for one in stack.json("history")[before:]] == ["kept", "kept"]


def test_clickhouse_lost(stack):
    before = counted_trades(stack)
    stack.json("down")
    shutil.rmtree(stack.layout.var / "clickhouse")
    stack.json("up")
    follow(stack, "clickhouse-lost.md", LOOK, DO, OVER)
    assert counted_trades(stack) == before > 0


def test_late_corporate_action(stack, tmp_path):
    closes = "date,close\n2024-05-01,100\n2024-05-02,50\n2024-05-03,51\n"
    (tmp_path / "closes.csv").write_text(closes)
    stack.json("feed", "reference", "--capture", str(tmp_path / "closes.csv"), "--symbol", "CALM", "--currency", "USD")
    stack.json("drain")
    stack.json("adjust")
    split = {"action_id": "s1", "symbol": "CALM", "kind": "split", "ex_date": "2024-05-02", "ratio": "2:1"}
    (tmp_path / "action.json").write_text(json.dumps([split]))
    ours = {"action.json": str(tmp_path / "action.json")}
    follow(stack, "late-corporate-action.md", LOOK, DO, OVER, instead=ours)
    rows = stack.json(
        "query",
        "select toString(adjusted_close) from adjusted_bars_latest where entity_id = 'reference:CALM' "
        "and date = '2024-05-01' order by as_of desc limit 1",
    )["rows"]
    assert rows[0][0].startswith("50")


def test_replay_an_entitys_day(stack):
    follow(stack, "replay-entity-day.md", LOOK, DO, OVER)


def test_replay_everything(stack):
    follow(stack, "replay-everything.md", LOOK, DO, OVER)


def test_new_venue(stack, tmp_path):
    files = {}
    for number in (1, 2):
        lines = []
        for n in range(200):
            at = 1_736_000_000_000 + (200 * number + n) * 50
            body = {
                "e": "trade",
                "E": at,
                "s": "NEWUSDT",
                "t": 200 * number + n,
                "p": "1.5",
                "q": "2",
                "T": at,
                "m": True,
            }
            lines.append(f"{at * 1_000_000} {json.dumps(body, separators=(',', ':'))}\n".encode())
        with gzip.open(tmp_path / f"{number}.gz", "wb") as out:
            out.writelines(lines)
        files[f"history-{number}.gz"] = str(tmp_path / f"{number}.gz")
    follow(stack, "new-venue.md", LOOK, DO, OVER, instead=files)
    assert counted_trades(stack, "sim:NEWUSDT") == 400


def states(stack):
    with FlinkRest(stack.settings.flink.url) as rest:
        return {job.name: job.state for job in rest.jobs(live=True)}


def test_disk_full(stack, disks):
    if not disks:
        absent("this machine lets us mount no small disk")
    before = counted_trades(stack)
    for disk in disks:
        disk.fill()
    fed = stack.json(*feed(4, 1_000, 13))
    # Between two attempts: a job that runs again for a moment has no cause.
    wait_for(lambda: "No space left on device" in stack.run("jobs").stdout, 180, "the disk is not full", every=1)
    said = follow(stack, "disk-full.md", LOOK)
    assert any(f" in {disk.folder}" in said["polyglot doctor"] for disk in disks)
    for disk in disks:
        disk.free()
    follow(stack, "disk-full.md", DO, OVER)
    assert fed["frames"] == 1_000
    assert proof(stack)["skipped"] == {}
    assert counted_trades(stack) > before


def expired(stack):
    return {one["group"]: one["expired"] for one in stack.json("status")["groups"] if one["expired"]}


def test_expired_offsets(stack):
    """First analytics' topics are cut, then normalize's; what either had not read, and no more than that, is gone."""
    raw, trades = "raw.sim.trade.v1", "normalized.trade.v1"
    stack.json("savepoint", "analytics", "--stop")
    stack.json(*feed(5, 1_000, 14))
    read(stack, "polyglot-normalize", raw)
    read(stack, "polyglot-silver_trade", trades)
    stack.json("savepoint", "normalize", "--stop")
    cut(stack.settings, trades, left=20)
    stack.json(*feed(6, 1_000, 15))
    read(stack, "polyglot-ingest", raw)
    cut(stack.settings, raw, left=20)
    stack.json(*feed(7, 300, 16))
    assert set(expired(stack)) == {"polyglot-normalize", "polyglot-analytics-trade"}
    said = follow(stack, "expired-offsets.md", LOOK)
    assert f"of {raw}/" in said["polyglot submit"]
    assert f"of {trades}/" in said["polyglot submit"]
    assert states(stack) == {"ingest": "RUNNING"}
    follow(stack, "expired-offsets.md", DO, OVER)
    assert expired(stack) == {}
    last = proof(stack)
    assert list(last["skipped"]) == ["bronze", "entity_seq of trade"]
    days = {one["table"]: one["days"] for one in last["tables"]}["silver_trade"]
    assert counted_trades(stack) == sum(day["replayed"] for day in days) > 0


def test_wrong_formula(stack, tmp_path):
    """The last one: the stack runs other code from here on. What is wrong are all bars of version 1."""
    right = checkout(tmp_path / "right", {"schemas/versions.toml": ("current = 1", "current = 2")})
    one_day = "from bars_latest where toDate(window_start) = '2026-01-05' and trade_count > 0"
    wrong = f"select countIf(last_trade_time is null), countIf(version < 1099511627776), count() {one_day}"

    def counted():
        return [int(cell) for cell in stack.json("query", wrong)["rows"][0]]

    before = counted()
    assert before[0] == before[1] == before[2] > 0
    stack.code, stack.env = right, environment(right, stack.env)
    said = follow(stack, "wrong-formula.md", LOOK, DO)
    assert "bar: version" in said["polyglot plan --effective-from earliest"]
    stack.json(*feed(8, 500, 17))
    follow(stack, "wrong-formula.md", OVER)
    assert stack.json("versions")[-1]["action"] == "restate"
    after = counted()
    assert after[:2] == [0, 0]
    assert after[2] > before[2]


def read(stack, group, topic):
    """Wait until a group has read a topic and a checkpoint says so."""
    reader = OffsetReader(stack.settings)

    def done():
        ends = reader.ends([topic])
        return all(reader.committed(group, ends).get(place, 0) >= end for place, end in ends.items() if end)

    wait_for(done, 180, f"{group} does not read {topic}", every=1)
