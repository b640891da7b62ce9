"""Releases: the code and the rules that jobs run with, kept as they were when the jobs were submitted.

A TaskManager imports the code of a job when it starts it, and again whenever it restarts it, days later perhaps. So
jobs never run from the working copy: each submission packs what they import into ``var/releases/ID``, unless it is
there, and an upgrade can go back to what ran before. The id is a digest of the files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flink_jobs.worker import CODE
from runtime.config import ROOT, Settings
from runtime.console import CommandError
from runtime.layout import Layout

#: All that a job imports, in the client and in the TaskManager, and what it reads beside.
PACKAGES = ("flink_jobs", "runtime", "schemas", "udfs")
_RULES, _NAME, _CACHE = "quality.toml", "release.json", "__pycache__"


@dataclass(frozen=True, slots=True)
class Release:
    """One release.

    ``code`` is the digest by which a worker knows the code (`flink_jobs.worker.CODE`); ``commit`` and ``version`` are
    for people.
    """

    id: str
    code: str
    commit: str
    version: str
    folder: Path

    @property
    def rules(self) -> Path:
        """Return the data-quality rules that its jobs run with."""
        return self.folder / _RULES

    def environment(self) -> dict[str, str]:
        """Return the variables by which a client builds this release's jobs."""
        paths = [str(self.folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
        return {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "POLYGLOT_QUALITY_FILE": str(self.rules),
        }


def pack(settings: Settings) -> Release:
    """Return the release of the code that runs this, packed if it was not yet."""
    digest = _digest(settings.quality_file)
    folder = _releases(settings) / digest
    release = Release(digest, CODE, _commit(), project_version(), folder)
    if not folder.exists():
        draft = folder.with_name(f".{digest}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        for package in PACKAGES:
            _copy(ROOT / package, draft / package)
        shutil.copyfile(settings.quality_file, draft / _RULES)
        document = {key: value for key, value in asdict(release).items() if key != "folder"}
        (draft / _NAME).write_text(json.dumps(document))
        try:
            draft.rename(folder)
        except OSError:  # another one has packed it meanwhile
            shutil.rmtree(draft)
    return release


def packed(settings: Settings, release: str) -> Release:
    """Return a release that was packed before.

    Raises:
        CommandError: it is gone.
    """
    folder = _releases(settings) / release
    try:
        return Release(**json.loads((folder / _NAME).read_text()), folder=folder)
    except FileNotFoundError:
        raise CommandError(f"release {release} is not in {_releases(settings)} any more") from None


def _releases(settings: Settings) -> Path:
    return Layout.at(settings.var_dir).var / "releases"


def _sources(package: Path) -> Iterator[Path]:
    return (path for path in sorted(package.rglob("*")) if path.is_file() and _CACHE not in path.parts)


def _digest(rules: Path) -> str:
    state = blake2b(digest_size=6)
    for package in PACKAGES:
        for path in _sources(ROOT / package):
            state.update(f"{path.relative_to(ROOT)}\0".encode())
            state.update(path.read_bytes())
    state.update(rules.read_bytes())
    return state.hexdigest()


def _copy(source: Path, target: Path) -> None:
    """Copy a package; machine code of kernels, which takes minutes to make, is shared by hard links."""
    for path in source.rglob("*"):
        if not path.is_file() or path.suffix == ".pyc":
            continue
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.name == _CACHE:
            try:
                os.link(path, to)
            except OSError:  # another file system
                shutil.copy2(path, to)
        else:
            shutil.copy2(path, to)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except FileNotFoundError:  # images have no git
        return "unknown"
    return done.stdout.strip() or "unknown"


def project_version() -> str:
    """Return the version of the project that runs this."""
    try:
        return version("polyglot")
    except PackageNotFoundError:
        return "unknown"
