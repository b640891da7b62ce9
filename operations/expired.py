"""What retention has cut before a job had read it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from operations.jobs import EVERY_STAGE
from runtime.config import Settings
from runtime.console import CommandError
from runtime.layout import Layout
from runtime.offsets import OffsetReader
from schemas.domains import domains

#: The one job that can read Bronze's copy: numbers are given in the order of the log (`flink_jobs.filling`).
FILLED = "normalize"
#: Writes what Bronze has of parts of the log to a folder, and returns how many records of each.
Extract = Callable[[Mapping[tuple[str, int], tuple[int, int]], Path], dict[tuple[str, int], int]]


@dataclass(frozen=True)
class Expired:
    """A partition that has [begin, end), and a job whose next record, ``position``, is not among these or the next."""

    job: str
    group: str
    topic: str
    partition: int
    position: int
    begin: int
    end: int

    @property
    def records(self) -> int:
        """At most so many are gone: the marks of transactions take offsets, too."""
        return max(self.begin - self.position, 0)

    def __str__(self) -> str:
        where = f"{self.topic}/{self.partition}"
        if self.position > self.end:
            return f"{self.job}: {where} ends before what was read, so it was made anew"
        return f"{self.job}: at most {self.records:,} of {where}"


def cuts(settings: Settings, jobs: Collection[str]) -> list[Expired]:
    """Return where these jobs cannot go on in their topics; their places are those of the last checkpoint.

    Raises:
        CommandError: the broker does not answer.
    """
    reader, found = OffsetReader(settings), []
    for stage in (stage for stage in EVERY_STAGE if stage.job in jobs):
        begins, ends = reader.begins(stage.reads), reader.ends(stage.reads)
        for place, position in reader.committed(stage.group, begins).items():
            if not begins[place] <= position <= ends[place]:
                found.append(Expired(stage.job, stage.group, *place, position, begins[place], ends[place]))
    return found


def refuse(found: Sequence[Expired]) -> None:
    """Say what is gone, and what can be done, if there is anything.

    Raises:
        CommandError: there is.
    """
    if not found:
        return
    hints = ["go on where the topics now begin: --skip-expired"]
    if any(_filled(cut) for cut in found):
        hints.insert(0, f"have {FILLED} read Bronze's copy: polyglot submit {FILLED} --fill")
    lines = "; ".join(map(str, found))
    raise CommandError(f"the topics do not have what was to be read next: {lines}", hint=", or ".join(hints))


def fill(settings: Settings, extract: Extract) -> tuple[Path | None, int]:
    """Write Bronze's copy of what normalize has not read to a folder of its own; return it and the count of records.

    Bronze must have what the raw topics have now. What the job has meanwhile from the topics it drops as a copy, so the
    files reach to where the topics end now: retention may go on cutting. Nothing is cut: no folder.

    Raises:
        CommandError: there is no copy of what is gone, of other topics than the raw ones for example.
    """
    found = cuts(settings, [FILLED])
    refuse([cut for cut in found if not _filled(cut)])
    if not found:
        return None, 0
    folder = Layout.at(settings.var_dir).var / "fill"
    shutil.rmtree(folder, ignore_errors=True)
    counts = extract({(cut.topic, cut.partition): (cut.position, cut.end) for cut in found}, folder)
    return folder, sum(counts.values())


def _filled(cut: Expired) -> bool:
    """Tell whether Bronze has a copy that the job can read."""
    return cut.job == FILLED and cut.position < cut.begin and cut.topic in domains().raw_topics()
