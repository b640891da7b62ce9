"""What a snapshot says of itself: its files, under which contracts and rules it was taken, and what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from runtime.object_store import Place
from schemas.contracts import FOLDER

NAME, RULES = "manifest.json", "quality.toml"
_FORMAT = 1
#: Stores whose rows say where in the log they came from, which is not the same elsewhere.
_PLACED = frozenset({"bronze_raw"})


class SnapshotError(RuntimeError):
    """A folder is no snapshot, or not one that this code and stack can use."""


@dataclass(frozen=True)
class File:
    """A Parquet file of Bronze, below the snapshot's folder."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Day:
    """A table's or topic's day: how many records, and the digest of them."""

    table: str
    day: str
    records: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """A snapshot's contents.

    ``contracts`` is the digest of ``ids.lock``, ``quality`` that of the rules beside the manifest, ``commit`` the code
    that took it, ``partitions`` how many each raw topic had.
    """

    created: str
    commit: str
    contracts: str
    quality: str
    records: int
    partitions: Mapping[str, int]
    files: tuple[File, ...]
    days: tuple[Day, ...]
    format: int = _FORMAT

    def write(self, place: Place) -> None:
        """Write it, last of all: a folder without it is no snapshot."""
        with place.files.open_output_stream(f"{place.path}/{NAME}") as out:
            out.write((json.dumps(asdict(self), indent=2) + "\n").encode())


def read(place: Place) -> Manifest:
    """Read a snapshot's manifest.

    Raises:
        SnapshotError: there is none, or one that this code does not know.
    """
    try:
        with place.files.open_input_file(f"{place.path}/{NAME}") as file:
            found = json.loads(file.read())
        if found["format"] != _FORMAT:
            raise SnapshotError(f"{place.uri}: a snapshot of format {found['format']}, and this code knows {_FORMAT}")
        manifest = Manifest(**found)
        files, days = (File(**one) for one in found["files"]), (Day(**one) for one in found["days"])
        return replace(manifest, files=tuple(files), days=tuple(days))
    except FileNotFoundError:
        raise SnapshotError(f"{place.uri} is no snapshot: it has no {NAME}") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise SnapshotError(f"{place.uri}/{NAME} cannot be read: {error}") from error


def contracts() -> str:
    """Return the digest of the contracts' lock file."""
    return hashlib.sha256((FOLDER / "ids.lock").read_bytes()).hexdigest()


def days(tables: Iterable[Mapping[str, Any]]) -> tuple[Day, ...]:
    """Return the days of a verification's report, as the replay has them."""
    return tuple(
        Day(one["table"], day["day"], day["replayed"], day["replay_digest"])
        for one in tables
        for day in one["days"]
        if one["table"] not in _PLACED
    )


def differences(expected: Iterable[Day], found: Iterable[Day]) -> list[str]:
    """Return what is not as a snapshot says, a line for each day of a table."""
    want, have = ({(one.table, one.day): one for one in side} for side in (expected, found))
    lines = []
    for key in sorted(want.keys() | have.keys()):
        one, other = want.get(key), have.get(key)
        if one != other:
            said = [f"{side.records:,} records, {side.digest[:12]}" if side else "nothing" for side in (one, other)]
            lines.append(f"{key[0]} {key[1]}: the snapshot has {said[0]}; here is {said[1]}")
    return lines
