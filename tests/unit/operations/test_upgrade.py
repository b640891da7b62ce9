"""An upgrade ends in one of two ways: the new version runs and is well, or the one before runs again."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from operations.releases import Release
from operations.runs import Runs, known, remember
from operations.upgrade import apply as upgrade
from operations.upgrade import history
from operations.upgrade.apply import Wish
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import JobInfo
from savepoints.manifest import Manifest

NAMES = ("normalize", "ingest")
MANIFEST = {"job": "any", "operators": {"fold": {"kind": "KEYED PROCESS", "states": [3]}}}


class World:
    """A cluster, its clients and the health check; ``log`` is what was done to them, in order."""

    def __init__(self, settings, tmp_path):
        self.settings, self.log, self.cuts = settings, [], []
        self.live = dict.fromkeys(NAMES, "old")
        self.manifests = {name: Manifest.of({**MANIFEST, "job": name}) for name in NAMES}
        self.wrong, self.slow, self.fails = "", "", {}
        self.releases = {one: Release(one, f"code of {one}", "c", "v", tmp_path / one) for one in ("old", "new")}

    def do(self, what, *details):
        self.log.append((what, *details))
        if what in self.fails:
            raise CommandError(self.fails[what])

    # FlinkRest
    def __call__(self, _url):
        return nullcontext(self)

    def jobs(self, *, live=False):
        return [JobInfo(f"{name}@{release}", name, "RUNNING", {}) for name, release in self.live.items()]

    def job(self, name):
        return next((job for job in self.jobs() if job.name == name), None)

    def cancel(self, job_id):
        self.log.append(("cancel", job_id))
        del self.live[job_id.partition("@")[0]]

    # the client
    def client(self, settings, release, orders):
        self.do("client", release.id, *[(one.module.rsplit(".")[-1], one.parallelism) for one in orders])
        return nullcontext(SimpleNamespace(release=release, manifests=lambda: self.manifests))

    # lifecycle
    def savepoints(self, settings, names):
        for name in names:
            self.do(f"stop {name}")
            del self.live[name]
            remember(settings, name, Runs(["1"], [f"saved/{name}"], 0, known(settings, name).release, MANIFEST))
        return {name: f"saved/{name}" for name in names}

    def start(self, settings, client, origins, drop=(), cut=None):
        self.do(f"start {client.release.id}", *sorted(origins.items()))
        self.cuts.append((client.release.id, cut.action))
        self.live |= dict.fromkeys(origins, client.release.id)
        return [job for job in self.jobs() if job.name in origins]

    def wish(self, **how):
        return Wish(**{"action": "apply", "release": self.releases["new"], "names": NAMES, "widths": {}, **how})

    def apply(self, **how):
        return upgrade.apply(self.settings, Console(quiet=True), self.wish(**how))

    def outcomes(self):
        return [one.outcome for one in history.history(self.settings)]


@pytest.fixture
def world(settings, tmp_path, monkeypatch):
    found = World(settings, tmp_path)
    for name in NAMES:
        remember(settings, name, Runs(["1"], [], 0, "old", MANIFEST))
    replaced = {
        "FlinkRest": found,
        "Client": found.client,
        "packed": lambda _settings, release: found.releases[release],
        "savepoints": found.savepoints,
        "start": found.start,
        "cut_over": lambda _s, release, names, _cut, _saved: found.do("look", release.id),
        "await_running": lambda _rest, name: found.do(f"await {name}"),
        "renew_taskmanager": lambda _s, _c, _r, code: found.do("renew", code),
        "not_running": lambda *_: found.slow,
        "unhealthy": lambda *_: found.wrong,
        "Rejections": SimpleNamespace(now=lambda _: None),
        "latest_checkpoint": lambda _settings, name: f"saved/{name}",
    }
    for name, one in replaced.items():
        monkeypatch.setattr(upgrade, name, one)
    return found


def test_a_version_that_is_well_is_kept(world):
    done = world.apply()
    assert done.savepoints == {"normalize": "saved/normalize", "ingest": "saved/ingest"}
    assert world.live == dict.fromkeys(NAMES, "new")
    assert [what for what, *_ in world.log] == [
        "look", "client", "stop normalize", "stop ingest", "renew", "start new",
    ]  # fmt: skip
    assert world.cuts == [("new", "apply")]
    assert world.outcomes() == [history.KEPT]


@pytest.mark.parametrize(
    ("what", "wrong"),
    [("health", "normalize failed: boom"), ("start new", "no"), ("running", "ingest does not run"), ("renew", "late")],
)
def test_a_version_that_is_not_well_makes_room_for_the_one_before(world, what, wrong):
    if what == "health":
        world.wrong = wrong
    elif what == "running":
        world.slow = wrong
    else:
        world.fails[what] = wrong
        once = world.do

        def do(step, *details):
            try:
                once(step, *details)
            except CommandError:
                del world.fails[step]  # the way back is not broken
                raise

        world.do = do
    with pytest.raises(CommandError, match=f"{wrong}: rolled back to release old"):
        world.apply()
    assert world.live == dict.fromkeys(NAMES, "old")
    assert ("start old", ("ingest", "saved/ingest"), ("normalize", "saved/normalize")) in world.log
    assert world.cuts[-1] == ("old", "back")
    assert world.outcomes() == [f"rolled back: {wrong}"]


def test_what_nobody_expected_is_rolled_back_too(world, monkeypatch):
    def broken(*_):
        raise OSError("no route to the broker")

    monkeypatch.setattr(upgrade, "unhealthy", broken)
    with pytest.raises(CommandError, match="OSError: no route to the broker: rolled back"):
        world.apply()
    assert world.live == dict.fromkeys(NAMES, "old")


def test_jobs_whose_stop_failed_run_on_and_the_stopped_ones_come_back(world):
    world.fails["stop ingest"] = "no space"
    with pytest.raises(CommandError, match="no space: rolled back"):
        world.apply()
    assert world.live == {"normalize": "old", "ingest": "old"}
    assert ("start old", ("normalize", "saved/normalize")) in world.log
    assert not [one for one in world.log if one[0] == "cancel"]


def test_if_the_way_back_fails_too_that_is_said(world):
    world.wrong, world.fails["start old"] = "boom", "no broker"
    with pytest.raises(CommandError, match="boom; and the way back failed, too: no broker") as error:
        world.apply()
    assert "polyglot restore" in error.value.hint
    assert world.outcomes() == ["NOT rolled back: no broker"]


def test_lost_state_is_refused_before_anything_is_stopped(world):
    world.manifests = {name: Manifest.of({"job": name, "operators": {}}) for name in NAMES}
    with pytest.raises(CommandError, match=r"normalize: operator 'fold' .* no operator of that uid") as error:
        world.apply()
    assert "--drop-state" in error.value.hint
    assert [what for what, *_ in world.log] == ["look", "client"]
    assert world.outcomes() == []
    world.apply(drop=("fold",))


def test_versions_that_cannot_hold_stop_nothing(world):
    world.fails["look"] = "windows up to now are published"
    with pytest.raises(CommandError, match="windows up to now"):
        world.apply()
    assert world.live == dict.fromkeys(NAMES, "old")
    assert world.outcomes() == []


def test_a_job_that_does_not_run_is_not_upgraded(world):
    del world.live["ingest"]
    with pytest.raises(CommandError, match="ingest does not run") as error:
        world.apply()
    assert error.value.code == Exit.UNAVAILABLE


def test_jobs_in_one_taskmanager_are_upgraded_together(world):
    with pytest.raises(CommandError, match="ingest would go on with other code") as error:
        world.apply(names=("normalize",))
    assert error.value.code == Exit.USAGE
    world.settings.flink.python_mode = "process"
    world.apply(names=("normalize",))


def test_the_new_width_is_that_of_later_submissions_unless_it_is_rolled_back(world):
    world.apply(action="rescale", release=world.releases["old"], names=("normalize",), widths={"normalize": 2})
    assert ("client", "old", ("normalize", 2)) in world.log
    assert known(world.settings, "normalize").parallelism == 2
    world.wrong = "boom"
    with pytest.raises(CommandError, match="rolled back"):
        world.apply(action="rescale", release=world.releases["old"], names=("normalize",), widths={"normalize": 4})
    assert known(world.settings, "normalize").parallelism == 2
    assert world.log[-1] == ("await normalize",)


def test_two_operators_at_once(world):
    with history.alone(world.settings), pytest.raises(CommandError, match="another command changes the jobs, since"):
        world.apply()
    assert world.log == []
    world.apply()
