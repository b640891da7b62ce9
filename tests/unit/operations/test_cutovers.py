"""From where versions hold: found before jobs start, and recorded so that no place has results of two versions."""

import json
from datetime import UTC, datetime

import pytest

from operations import cutovers
from operations.cutovers import BACK, Cut, planned, restatement, where
from operations.releases import Release
from operations.runs import Runs, remember
from runtime.console import CommandError, Exit
from runtime.readers.releases import held, of_events
from schemas import quality
from schemas.versions import ALWAYS, FOREVER, parse

SECOND, DAY = 1_000_000, 86_400 * 1_000_000
MORNING = int(datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp()) * SECOND
MIDNIGHT = MORNING - 10 * 3_600 * SECOND
RAW = ("raw.sim.trade.v1", 0)
TEXT = """
[bar]
job = "analytics"
by = "window"
current = {}
[bar.versions]
1 = "one"
2 = "two"
[normalize]
job = "normalize"
by = "offset"
current = 1
[normalize.versions]
1 = "one"
"""


class World:
    """The release topic, offsets, and releases on disk."""

    def __init__(self, folder, monkeypatch, settings):
        self.folder, self.settings, self.events = folder, settings, []
        self.newest, self.committed = MORNING, {RAW: 5}
        monkeypatch.setattr(cutovers, "events", lambda _: list(self.events))
        monkeypatch.setattr(cutovers, "OffsetReader", lambda _: self)

    # OffsetReader
    def newest_ms(self, _topics):
        return -1 if self.newest is None else self.newest // 1_000

    def ends(self, topics):
        return dict.fromkeys(((topic, 0) for topic in topics), 9)

    def committed(self, _group, _places):
        raise AssertionError("replaced below")

    def release(self, name, current=1, rules="a = {}\n", versions=True):
        folder = self.folder / "releases" / name
        (folder / "schemas").mkdir(parents=True, exist_ok=True)
        if versions:
            (folder / "schemas" / "versions.toml").write_text(TEXT.format(current))
        (folder / "quality.toml").write_text(rules)
        found = Release(name, "code", f"commit of {name}", "0", folder)
        document = {"id": name, "code": "code", "commit": found.commit, "version": "0"}
        (folder / "release.json").write_text(json.dumps(document))
        return found

    def start(self, release, *names, cut=None, saved=None):
        """Start jobs; return what was recorded."""
        self.schedule, new = planned(
            self.settings, release, names or ("analytics", "normalize"), cut or Cut("apply"), saved or {}
        )
        self.events += new
        assert self.schedule == of_events(self.events)
        for name in names or ("analytics", "normalize"):
            remember(self.settings, name, Runs(["id"], [], 0, release.id))
        return [(one["family"], one["version"], one["action"], held(one)) for one in new]


@pytest.fixture
def world(tmp_path, monkeypatch, settings):
    found = World(tmp_path, monkeypatch, settings)
    found.committed = lambda group, places: {RAW: 5}
    return found


def told(found):
    return [(family, version, action, one.start, dict(one.offsets)) for family, version, action, one in found]


def test_what_is_new_begins_with_the_current_versions_everywhere(world):
    world.newest = None
    found = world.start(world.release("one", current=2), cut=Cut("submit"))
    assert told(found) == [("bar", 2, "submit", ALWAYS, {}), ("normalize", 1, "submit", ALWAYS, {})]
    assert world.schedule.of("normalize")[0].rules == "a = {}\n"
    assert world.start(world.release("one", current=2)) == []


def test_what_ran_before_there_were_versions_has_the_first_and_changes_with_the_next_day(world):
    """Also where nobody remembers what ran: the topics have something."""
    found = world.start(world.release("new", current=2, rules="b = {}\n"), saved={"normalize": {RAW: 7}})
    assert told(found) == [
        ("bar", 1, "apply", ALWAYS, {}), ("bar", 2, "apply", MIDNIGHT + DAY, {}),
        ("normalize", 1, "apply", ALWAYS, {}),
    ]  # fmt: skip


def test_frames_change_where_the_job_was_stopped(world):
    world.start(world.release("old"))
    found = world.start(world.release("new", rules="b = {}\n"), saved={"normalize": {RAW: 7}})
    assert told(found)[1] == ("normalize", 1, "apply", ALWAYS, {RAW: 7})
    assert [turn.rules for turn in world.schedule.turns("normalize", *RAW)] == ["a = {}\n", "b = {}\n"]
    assert world.schedule.turns("normalize", *RAW)[1].offset == 7
    assert told(world.start(world.release("newer")))[1][4] == {RAW: 5}
    # No savepoint was read, or an older one: what the job has committed is published.
    older = world.start(world.release("newest"), saved={"normalize": {RAW: 3, ("raw.sim.trade.v1", 1): 2}})
    assert older[1][3].offsets == {RAW: 5, ("raw.sim.trade.v1", 1): 2}


def test_no_rules_are_rules_too(world):
    """Else a replay would judge what came before the first rule by the rules of now."""
    world.start(world.release("old", rules=""))
    world.start(world.release("new", rules="b = {}\n"), saved={"normalize": {RAW: 7}})
    rules = [turn.rules for turn in world.schedule.turns("normalize", *RAW)]
    assert rules == [cutovers.NO_RULES, "b = {}\n"]
    assert quality.parse(rules[0]) == quality.Quality(())


@pytest.mark.parametrize(
    ("cut", "start"),
    [
        (Cut("apply", MORNING + 1), MORNING + 1),
        (Cut("apply", MORNING + 3_600 * SECOND), MORNING + 3_600 * SECOND),
        (Cut("apply", earliest=True), MORNING + 1),
        (Cut("apply"), MIDNIGHT + DAY),
    ],
)
def test_windows_change_from_where_nothing_is_published(world, cut, start):
    world.start(world.release("old"))
    found = world.start(world.release("new", current=2), cut=cut)
    assert told(found)[0][:4] == ("bar", 2, "apply", start)
    assert [(piece.start, piece.version) for piece in world.schedule.pieces("bar")] == [(ALWAYS, 1), (start, 2)]


def test_published_windows_keep_their_version(world):
    world.start(world.release("old"))
    before = list(world.events)
    with pytest.raises(CommandError, match="bar cannot change from 2026-01-05T10:00:00Z on: windows up to") as error:
        world.start(world.release("new", current=2), cut=Cut("apply", MORNING))
    assert error.value.code == Exit.USAGE
    assert world.events == before
    # What does not change may be recorded whenever it is.
    assert told(world.start(world.release("same"), cut=Cut("apply", MORNING)))[0][3] == MORNING + 1


def test_an_upgrade_that_is_taken_back_leaves_what_was_before(world):
    old = world.release("old")
    world.start(old)
    world.start(world.release("new", current=2, rules="b = {}\n"), saved={"normalize": {RAW: 7}})
    world.newest += 20 * SECOND
    found = world.start(old, cut=Cut(BACK), saved={"normalize": {RAW: 9}})
    assert told(found) == [("bar", 1, BACK, MIDNIGHT + DAY, {}), ("normalize", 1, BACK, ALWAYS, {RAW: 7})]
    assert [piece.version for piece in world.schedule.pieces("bar")] == [1]
    assert [turn.rules for turn in world.schedule.turns("normalize", *RAW)] == ["a = {}\n"]


def test_an_upgrade_that_changed_nothing_has_nothing_to_take_back(world):
    old = world.release("old")
    world.start(old)
    assert world.start(old, cut=Cut(BACK)) == []


def test_a_release_that_lacks_a_version_that_holds_is_refused(world):
    old = world.release("old", versions=False)
    world.start(old)
    world.start(world.release("new", current=2), cut=Cut("apply", earliest=True))
    world.newest += DAY
    with pytest.raises(CommandError, match="release old has no version 2 of bar, which windows from 2026-01-05T10:00"):
        world.start(old, cut=Cut("rollback"))
    # The newer code can go back to the older formula.
    found = world.start(world.release("newer"), cut=Cut("apply"))
    assert told(found)[0][:4] == ("bar", 1, "apply", MIDNIGHT + 2 * DAY)


def test_a_version_that_this_code_does_not_have_is_refused(world):
    world.start(world.release("old"))
    world.events.append({**restatement(world.release("new"), "bar", 2, MORNING, MORNING + SECOND), "version": 9})
    with pytest.raises(CommandError, match="bar: version 9 holds for some, and this code has 1, 2"):
        world.start(world.release("old"))


def test_only_the_jobs_that_start_are_recorded(world):
    assert {family for family, *_ in world.start(world.release("old"), "normalize", "ingest")} == {"normalize"}


def test_where_a_version_holds_in_words(world):
    world.newest = None
    world.start(world.release("old"), "analytics")
    event = restatement(world.release("r"), "bar", 2, MORNING, MORNING + SECOND)
    assert where(world.events[0]) == "everything"
    assert where(event) == "windows that start from 2026-01-05T10:00:00Z and before 2026-01-05T10:00:01Z"
    offsets = [{"topic": "t", "partition": 0, "offset": 1_000}]
    assert where({**event, "offsets": offsets}) == "frames behind offset 1,000 of 1 partitions together"
    assert (held(event).restated, held(event).end, held(world.events[0]).end) == (True, MORNING + SECOND, FOREVER)


def test_the_versions_that_are_declared_can_be_read():
    assert {one.name: one.job for one in parse(TEXT.format(2)).values()} == {
        "bar": "analytics",
        "normalize": "normalize",
    }
