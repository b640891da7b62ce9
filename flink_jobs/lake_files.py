"""Files of the lake out of what kernels return, as the sink takes them (``io.stores.files``).

All shards of a task fill the same files: there is one per partition of the table and checkpoint, not one per shard.
Nothing of them is state: what came before a checkpoint's barrier leaves at the marker before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import uuid4

from flink_jobs.fold_accounts import ACCEPTED, CONFLICTS, DEAD_LETTERS, DUPLICATES, RECORDS_IN, Counted
from flink_jobs.operators.blocks import BYTES
from flink_jobs.operators.fold import Work
from flink_jobs.replies import dead_letter_records
from schemas import catalog
from schemas.domains import domains
from udfs.ingest import ingestor
from udfs.ingest.ingestor import Ingestor
from udfs.lake import bronze, silver
from udfs.lake.files import LakeFile, LakeFiles, frame
from udfs.lake.silver import SilverFold
from udfs.wire.blocks import Part, Records, Watermarks, reply

#: The fields that the ingest job's fold emits.
OUTPUT = {"files": BYTES, "dead_letters": BYTES}


def unique() -> str:
    """Return 32 hexadecimal digits that nobody had before."""
    return uuid4().hex


def _key(table: str) -> str:
    """Return the column that identifies a row of a table of facts."""
    (key,) = domains().tables[table].key
    return key


def framed(files: list[LakeFile]) -> bytes | None:
    """Return files as the sink takes them; None where there are none."""
    return frame(files) if files else None


@dataclass(frozen=True, slots=True)
class Made:
    """What a part of a block, or a marker, became."""

    files: list[LakeFile]
    dead_letters: list[Records] = field(default_factory=list)


class BronzeFiles:
    """What the ingest job does with the shards of a task."""

    def __init__(self) -> None:
        self._files = LakeFiles(_key(catalog.BRONZE), unique)

    def work(self) -> Work:
        """Return what the operator is to do."""
        counters = (RECORDS_IN, ACCEPTED, DUPLICATES, DEAD_LETTERS, CONFLICTS)
        return Work(Ingestor.restore, self.process, self.emit, (ingestor.STATE_VERSION,), counters, flush=self.flush)

    def process(self, fold: Ingestor, part: Part, marks: Watermarks) -> Counted:  # noqa: ARG002 - as `Work.process`
        """Fold one part of a block."""
        # A dead letter without a time of its own gets the record's, to the second.
        seconds = part.times // 1000 * 1000
        out = fold.process(part.values, part.offsets, part.partition, seconds.tolist())
        full = [file for date, rows in bronze.bronze_columns(out.bronze) for file in self._files.add(date, rows)]
        counts = {
            RECORDS_IN: len(part.values),
            ACCEPTED: len(out.bronze),
            DUPLICATES: out.duplicates,
            DEAD_LETTERS: len(out.dead_letters),
            CONFLICTS: len(out.conflicts),
        }
        letters = dead_letter_records(catalog.dead_letters("ingestion"), [*out.dead_letters, *out.conflicts])
        return Counted(Made(full, letters), counts)

    def flush(self, fold: Ingestor) -> Made | None:  # noqa: ARG002 - the files are those of all folds
        """Hand over what is held."""
        files = self._files.flush()
        return Made(files) if files else None

    def emit(self, made: Iterable[Made]) -> tuple[bytes | None, bytes]:
        """Return files, and the reply with dead letters."""
        found = list(made)
        files = [file for each in found for file in each.files]
        return framed(files), reply(records for each in found for records in each.dead_letters)


class SilverFiles:
    """What tailing a normalized topic does with the shards of a task."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._files = LakeFiles(_key(catalog.lake_table(kind)), unique)

    def work(self) -> Work:
        """Return what the operator is to do."""
        counters = (RECORDS_IN, ACCEPTED, DUPLICATES)
        return Work(self._restore, self.process, self.emit, (silver.STATE_VERSION,), counters, flush=self.flush)

    def _restore(self, topic: str, log: Iterable[bytes]) -> SilverFold:  # noqa: ARG002 - a kind has one topic
        return SilverFold.restore(self._kind, log)

    def process(self, fold: SilverFold, part: Part, marks: Watermarks) -> Counted:  # noqa: ARG002 - as `Work.process`
        """Fold one part of a block."""
        before = fold.duplicates
        columns = fold.process(part.topic, part.values)
        records, duplicates = len(part.values), fold.duplicates - before
        full = [file for date, rows in columns for file in self._files.add(date, rows)]
        return Counted(full, {RECORDS_IN: records, ACCEPTED: records - duplicates, DUPLICATES: duplicates})

    def flush(self, fold: SilverFold) -> list[LakeFile] | None:  # noqa: ARG002 - the files are those of all folds
        """Hand over what is held."""
        return self._files.flush() or None

    def emit(self, made: Iterable[list[LakeFile]]) -> tuple[bytes | None]:
        """Return the files, as the one field of the output."""
        return (framed([file for files in made for file in files]),)
