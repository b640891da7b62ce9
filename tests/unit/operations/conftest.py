"""A cluster whose client is a small script that keeps to what `flink_jobs.together` says about the desk."""

import json
import sys
from pathlib import Path

import pytest

from operations import client
from runtime.config import Settings
from runtime.flink_rest import JobInfo

SCRIPT = Path(__file__).parent / "fake_client.py"


class Cluster:
    """Jobs ``come`` when the client goes; it ends with ``code``. ``saved`` is what any origin holds."""

    def __init__(self, folder):
        self.folder, self.come, self.code, self.breaks = folder, None, 0, False
        self.saved = {"number": 4, "operators": [{"uid": "fold", "parallelism": 1, "bytes": 10}], "missing": []}

    def command(self, _settings):
        wishes = {"come": self.come, "code": self.code, "breaks": self.breaks, "saved": self.saved}
        (self.folder / "wishes.json").write_text(json.dumps(wishes))
        return (sys.executable, str(SCRIPT), str(self.folder))

    def _log(self, kind):
        path = self.folder / f"{kind}.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def asked(self):
        return self._log("asked")

    @property
    def environment(self):
        return self._log("environment")

    @property
    def origins(self):
        return self._log("origins")

    @property
    def went(self):
        return self._log("went")

    # what FlinkRest does
    def __call__(self, _url):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def jobs(self, *, live=False):
        return [JobInfo(f"id-{name}", name, "RUNNING", {}) for names in self.went for name in names]


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    folder = tmp_path / "cluster"
    folder.mkdir()
    found = Cluster(folder)
    monkeypatch.setattr(client, "client_command", found.command)
    monkeypatch.setattr(client, "client_env", lambda _: {})
    for module in (client, sys.modules["operations.lifecycle"]):
        monkeypatch.setattr(module, "FlinkRest", found)
    return found
