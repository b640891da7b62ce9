"""Where the captured frames are: read in place, never part of the repository."""

import os
from pathlib import Path

import pytest

from support.absent import absent

ROOT = Path(__file__).resolve().parents[2]
#: Set and empty: there are none, on purpose.
PLACE = os.environ.get("POLYGLOT_CAPTURES", str(ROOT.parent / "shared" / "captures"))


def capture(name: str, folder: str = "binance") -> Path:
    """Return a capture's path; skip the test with the reason where it is not there (in CI: fail it)."""
    if not PLACE:
        pytest.skip("POLYGLOT_CAPTURES is empty: no captures, on purpose")
    path = Path(PLACE) / folder / name
    if not path.exists():
        absent(
            f"no capture {name}: set POLYGLOT_CAPTURES to the folder that has {folder}/{name}, or to nothing to go "
            f"without"
        )
    return path
