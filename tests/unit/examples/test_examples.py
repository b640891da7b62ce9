"""The examples that need no engine, run as a reader runs them."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from examples.add_a_feature import imbalances, trades
from runtime.config import ROOT
from runtime.readers.log import decode


def test_a_venue_of_two_edits_becomes_standard_records() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.add_a_venue"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "raw.tiny.deal.v1: 4 frames, 1 duplicates"
    assert "'event_id': 'tiny:GOLD:deal:41'" in lines[1]
    assert "'aggressor': 'buy'" in lines[1]
    assert "'price': '2650.100000000000'" in lines[1]
    assert "'entity_seq': '2'" in lines[2]
    assert lines[3].startswith("   dead letter tiny:GOLD:deal:44: ")
    assert "raw.tiny.top.v1: 1 frames, 0 duplicates" in lines


def test_a_declared_feature_is_what_plain_python_makes_of_the_trades() -> None:
    values = trades(5_000)
    bought: dict[tuple[str, int], int] = defaultdict(int)
    volume: dict[tuple[str, int], int] = defaultdict(int)
    for value in values:
        one = decode("trade", value)
        key = one["entity_id"], one["event_time"] // 60_000_000 * 60_000_000
        size = int(one["size"].scaleb(12))
        volume[key] += size
        bought[key] += size if one["aggressor"] == "buy" else 0
    expected = {key: (2 * bought[key] - volume[key]) / volume[key] for key in volume}
    assert len(expected) > 2
    assert imbalances(values) == expected


def test_the_page_lists_every_example() -> None:
    folder = ROOT / "examples"
    page = (folder / "README.md").read_text()
    for path in (*folder.glob("*.py"), *folder.glob("*.ipynb")):
        name = path.name if path.suffix == ".ipynb" else path.stem
        assert path.stem == "__init__" or name in page, name
    assert Path(folder, "find_a_difference.ipynb").stat().st_size < 20_000
