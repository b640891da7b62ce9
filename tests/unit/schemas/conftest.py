import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations.contracts.history import committed
from operations.contracts.lock import LOCK, Pin, dump, name_and_version, parse, sha256, withdrawn
from schemas.contracts import FOLDER


class Folder:
    """The project's contracts in a repository of their own, where tests may break every rule."""

    def __init__(self, root: Path) -> None:
        self.path = root / "schemas"

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *identity, "-C", str(self.path.parent), *arguments], check=True, capture_output=True, text=True
        ).stdout

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "contracts")
        return self.git("rev-parse", "HEAD").strip()

    def past(self, against: str | None = None):
        return committed(self.path, against)

    def read(self, file: str) -> dict[str, Any]:
        return json.loads((self.path / file).read_text())

    def write(self, file: str, document: object) -> None:
        (self.path / file).write_text(json.dumps(document))

    def pins(self) -> list[Pin]:
        return list(parse((self.path / LOCK).read_text()))

    def relock(self, pins: list[Pin], gone: tuple[Pin, ...] | None = None) -> None:
        text = (self.path / LOCK).read_text()
        (self.path / LOCK).write_text(dump(pins, withdrawn(text) if gone is None else gone))

    def pin_by_hand(self, file: str, schema_id: int | None = None) -> None:
        """Pin a file without any check, as a careless edit of the lock would."""
        pins = self.pins()
        name, version = name_and_version(file)
        used = schema_id or max(one.id for one in pins) + 1
        self.relock([*pins, Pin(name, version, used, file, sha256(self.path / file))])

    def next_version(self, name: str, change) -> str:
        """Write `<name>.v2.avsc`: version 1 with `change(fields)` applied to its list of fields; pin it by hand."""
        document = self.read(f"{name}.v1.avsc")
        document["fields"] = change(document["fields"])
        self.write(f"{name}.v2.avsc", document)
        self.pin_by_hand(f"{name}.v2.avsc")
        return f"{name}.v2.avsc"


@pytest.fixture(scope="session")
def committed_contracts(tmp_path_factory):
    root = tmp_path_factory.mktemp("contracts")
    (root / "schemas").mkdir()
    for file in (*FOLDER.glob("*.avsc"), FOLDER / LOCK):
        shutil.copy(file, root / "schemas")
    folder = Folder(root)
    folder.git("init", "--quiet", "--initial-branch", "main")
    folder.commit()
    return root


@pytest.fixture
def folder(committed_contracts, tmp_path):
    return Folder(shutil.copytree(committed_contracts, tmp_path / "repository"))
