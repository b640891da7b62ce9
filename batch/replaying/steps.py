"""In which order a task reads files, so that every shard's records come in order of its log and few files come twice.

A file of the stream has the records of many shards between two checkpoints, those of each in order. Files that were
clustered may hold them in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

#: Topic and partition.
ShardKey = tuple[str, int]


class Piece(NamedTuple):
    """What a file holds of a shard and an ingest date; `again` counts records that were sent again."""

    file: str
    shard: ShardKey
    ingest_date: str
    low: int
    high: int
    rows: int
    ascending: bool
    again: int = 0


class Step(NamedTuple):
    """Read these shards from these files; with `sort` the rows are not in order of the log."""

    files: tuple[str, ...]
    shards: tuple[ShardKey, ...]
    sort: bool = False


def steps(found: Iterable[Piece]) -> list[Step]:
    """Return the steps that read all pieces, each shard's in order of its log.

    A file is read once for all its shards where their orders allow it. Pieces of a shard that overlap are read
    together.
    """
    runs = {shard: _runs(list(mine)) for shard, mine in groupby(_merged(found), lambda one: one.shard)}
    left = Counter(run.files for mine in runs.values() for run in mine)
    for mine in runs.values():
        mine.reverse()  # the next one is the last
    result = []
    while runs:
        heads: dict[Step, list[ShardKey]] = {}
        for shard, mine in runs.items():
            heads.setdefault(mine[-1]._replace(shards=()), []).append(shard)
        # A file all of whose shards have come to it; if there is none, one that most of them have come to.
        head = min(heads, key=lambda one: (left[one.files] - len(heads[one]), one.files))
        shards = heads[head]
        result.append(head._replace(shards=tuple(shards)))
        left[head.files] -= len(shards)
        for shard in shards:
            runs[shard].pop()
            if not runs[shard]:
                del runs[shard]
    return result


def _merged(found: Iterable[Piece]) -> list[Piece]:
    """Return one piece for each shard of a file, whatever the dates, sorted by shard and offset."""
    whole: dict[tuple[str, ShardKey], Piece] = {}
    for one in found:
        place = (one.file, one.shard)
        if before := whole.get(place):
            low, high = min(before.low, one.low), max(before.high, one.high)
            # Which date comes first in the file is not known.
            one = before._replace(low=low, high=high, rows=before.rows + one.rows, ascending=False)  # noqa: PLW2901
        whole[place] = one
    return sorted(whole.values(), key=lambda one: (one.shard, one.low, one.high, one.file))


def _runs(mine: list[Piece]) -> list[Step]:
    """Return a shard's pieces, sorted by offset, as reads that follow each other in the log."""
    found: list[list[Piece]] = []
    high = -1
    for piece in mine:
        if piece.low > high:
            found.append([])
        found[-1].append(piece)
        high = max(high, piece.high)
    return [
        Step(tuple(piece.file for piece in run), (run[0].shard,), sort=len(run) > 1 or not run[0].ascending)
        for run in found
    ]
