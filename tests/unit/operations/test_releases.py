"""Releases: what jobs run with is kept, byte for byte, whatever becomes of the working copy."""

import shutil
import subprocess
import sys

import pytest

from operations import releases
from operations.releases import pack, packed
from operations.runs import Runs
from operations.upgrade.plan import differences, lines, plan
from runtime.config import ROOT, Settings
from runtime.console import CommandError
from savepoints.manifest import Manifest


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A working copy that a test may change."""
    root = tmp_path / "copy"
    for package in releases.PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(releases, "ROOT", root)
    return root


@pytest.fixture
def here(settings, copy):
    rules = copy.parent / "rules.toml"  # an operator's own, outside of the code
    shutil.copyfile(copy / "schemas" / "quality.toml", rules)
    return Settings(var_dir=settings.var_dir, quality_file=rules)


def change(path):
    path.write_text(path.read_text() + "\n# changed\n")


def test_the_same_code_is_packed_once(here, copy):
    one = pack(here)
    kept = one.folder / "flink_jobs" / "ingest.py"
    assert kept.read_bytes() == (copy / "flink_jobs" / "ingest.py").read_bytes()
    kept.touch()
    stamp = kept.stat().st_mtime_ns
    assert pack(here) == one == packed(here, one.id)
    assert kept.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("udfs/wire/blocks.py", "kernels"),
        ("schemas/trade.v1.avsc", "contracts"),
        ("flink_jobs/ingest.py", "jobs"),
        ("runtime/config.py", "settings"),
    ],
)
def test_a_change_makes_another_release_and_the_plan_names_the_file(here, copy, name, group):
    before = pack(here)
    change(copy / name)
    after = pack(here)
    assert after.id != before.id
    assert differences(before, after) == {group: [name]}
    assert differences(after, after) == {}


def test_rules_are_part_of_a_release(here):
    before = pack(here)
    change(here.quality_file)
    after = pack(here)
    assert differences(before, after) == {"rules": ["quality.toml"]}
    assert (before.rules.read_text() == after.rules.read_text()) is False


def test_a_release_runs_although_the_working_copy_is_broken(here, copy):
    release = pack(here)
    (copy / "flink_jobs" / "worker.py").write_text("raise SystemExit(9)\n")
    run = [sys.executable, "-c", "import flink_jobs.worker as w; print(w.__file__)"]
    done = subprocess.run(run, env=release.environment(), capture_output=True, text=True, check=True, cwd=here.var_dir)
    assert done.stdout.strip() == str(release.folder / "flink_jobs" / "worker.py")


def test_machine_code_of_kernels_comes_along(here, copy):
    cache = copy / "udfs" / "__pycache__"
    cache.mkdir()
    (cache / "kernel.nbc").write_bytes(b"machine code")
    (cache / "module.cpython-311.pyc").write_bytes(b"bytecode")
    assert [one.name for one in (pack(here).folder / "udfs" / "__pycache__").iterdir()] == ["kernel.nbc"]


def test_a_release_that_is_gone_is_an_error(here):
    with pytest.raises(CommandError, match="release abc is not in"):
        packed(here, "abc")


def test_a_plan_tells_what_changes(here, copy):
    before = pack(here)
    change(copy / "udfs" / "wire" / "blocks.py")
    manifest = Manifest.of({"job": "ingest", "operators": {"gate": {"kind": "KEYED PROCESS", "states": [2]}}})
    newer = Manifest.of({"job": "ingest", "operators": {"gate": {"kind": "KEYED PROCESS", "states": [2, 3]}}})
    runs = {"ingest": Runs(release=before.id, manifest=manifest.document())}
    found = plan(before, pack(here), runs, {"ingest": newer}, {"ingest": (1, 2)})
    assert ["kernels", "", "udfs/wire/blocks.py"] in lines(found)
    assert ["ingest: parallelism", "1", "2"] in lines(found)
    assert ["ingest: state of 'gate'", "version 2", "version 3"] in lines(found)
    assert (found.nothing, found.refused) == (False, [])
    assert plan(before, before, runs, {"ingest": manifest}, {"ingest": (1, 1)}).nothing
