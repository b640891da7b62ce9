"""Where the captured frames are: read in place, never part of the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("POLYGLOT_CAPTURES", ROOT.parent / "shared" / "captures"))


def capture(name: str, folder: str = "binance") -> Path:
    """Return a capture's path, or skip the test with the reason."""
    path = FOLDER / folder / name
    if not path.exists():
        pytest.skip(f"no capture {name}: set POLYGLOT_CAPTURES to the folder that has {folder}/{name}")
    return path
