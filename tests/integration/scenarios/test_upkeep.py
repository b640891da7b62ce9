"""The lake's tables are maintained while the stream writes to them; what they hold is as before, and in fewer files."""

from __future__ import annotations

import pytest
from pyarrow import fs
from support.patience import wait_for
from support.scenario import Scenario
from support.upgrades import feeding

from batch.maintenance.table_files import read

pytestmark = pytest.mark.timeout(1800)

APPENDED, MERGED = ("bronze_raw", "silver_trade", "silver_quote"), "gold_bar"


class TestUpkeep(Scenario):
    """By now what the others fed has left a file for each checkpoint."""

    order = 7
    START = "2026-01-07T00:00:00"

    def feed(self, stack, folder):
        cls = type(self)
        # Broken frames are known by their content, and those of the upgrades are the same ones.
        with feeding(stack, "--start", self.START, "--malformed", "0"):
            wait_for(lambda: cls.is_due(stack), 600, "the tables do not become due", every=2)
            cls.before = self.tables(stack)
            cls.done = stack.json("tables", "maintain")["done"]
            cls.after = self.tables(stack)

    @staticmethod
    def tables(stack):
        return {one["table"]: one for one in stack.json("tables", "ls")}

    @classmethod
    def is_due(cls, stack):
        due = {name: one["due"] for name, one in cls.tables(stack).items()}
        return all("clustering" in due.get(name, ()) for name in APPENDED) and "compaction" in due.get(MERGED, ())

    def test_each_table_got_what_was_due(self, outcome):
        assert self.done.keys() >= {*APPENDED, MERGED}
        for name, done in self.done.items():
            assert done == ["compaction" if name.startswith("gold") else "clustering"]

    def test_small_files_and_log_files_became_few(self, outcome):
        for name in APPENDED:
            assert self.after[name]["small_files"] < self.before[name]["small_files"]
            assert "clustering" not in self.after[name]["due"]
        assert self.after[MERGED]["most_log_files"] < self.before[MERGED]["most_log_files"]

    def test_nothing_is_left_unfinished(self, outcome):
        for name in (*APPENDED, MERGED):
            layout = read(fs.LocalFileSystem(), str(outcome.stack.settings.var_dir.resolve() / "lake" / name))
            assert layout.timeline.pending == {}
