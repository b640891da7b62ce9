"""All rules over one folder of contracts, and the pinning of new versions.

Rules: every file is pinned by its digest; ids, names and versions are unique; versions are 1, 2, 3 …; what any commit
pinned is still there, unchanged, or was withdrawn before the first release; and each version is compatible with all
older ones of its name.

Compatible means, for every contract, that a reader of the newer version reads everything written before, and that no
field which readers of the older version need disappears. For the envelope, which everything else is recomputed from,
it means both directions in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from avro.errors import AvroException

from operations.contracts.compatibility import removed, unreadable
from operations.contracts.history import Past
from operations.contracts.lock import LOCK, LockError, Pin, dump, name_and_version, parse, sha256, withdrawn

#: Contracts where every version must also be readable by every older one.
FULL = frozenset({"raw_envelope"})


def check(folder: Path, past: Sequence[Past] = ()) -> list[str]:
    """Return everything that is wrong with the contracts in `folder`; empty if nothing is."""
    try:
        text = (folder / LOCK).read_text()
        pins, gone = parse(text, str(folder / LOCK)), withdrawn(text, str(folder / LOCK))
    except (LockError, FileNotFoundError) as error:
        return [str(error)]
    return [
        *_lock(pins, gone),
        *_files(folder, pins),
        *_past(pins, gone, past),
        *_versions(folder, pins),
    ]


def pin(folder: Path, past: Sequence[Past] = ()) -> tuple[list[Pin], list[str]]:
    """Pin every contract file that is not pinned yet, in order of name and version, with the next ids.

    Returns the new pins and what is wrong; if anything is wrong, the lock is left as it was.
    """
    lock = folder / LOCK
    try:
        text = lock.read_text() if lock.exists() else dump(())
        pins, gone = parse(text, str(lock)), withdrawn(text, str(lock))
        known = {one.file for one in pins}
        files = {path.name: name_and_version(path.name) for path in folder.glob("*.avsc") if path.name not in known}
    except LockError as error:
        return [], [str(error)]
    # An id that any commit ever gave away stays given away, even if the lock lost it.
    used = [one.id for one in (*pins, *gone, *(old for then in past for old in then.pins))]
    new = [
        Pin(name, version, max(used, default=0) + 1 + index, file, sha256(folder / file))
        for index, (file, (name, version)) in enumerate(sorted(files.items(), key=lambda item: item[1]))
    ]
    after = [*pins, *new]
    wrong = [*_lock(after, gone), *_files(folder, after), *_past(after, gone, past), *_versions(folder, after)]
    if new and not wrong:
        lock.write_text(dump(after, gone))
    return new, wrong


def _lock(pins: Sequence[Pin], gone: Sequence[Pin]) -> list[str]:
    found = []
    columns: dict[str, list[object]] = {
        "id": [one.id for one in (*pins, *gone)],
        "contract": [one.label for one in pins],
        "file": [one.file for one in pins],
    }
    for what, values in columns.items():
        found += [f"{LOCK}: {what} {value} is there {values.count(value)} times" for value in _repeated(values)]
    for one in pins:
        if not 0 < one.id < 2**31:
            found.append(f"{LOCK}: {one.label} has id {one.id}; the wire header holds 1 to 2^31 - 1")
        if one.file != f"{one.label}.avsc":
            found.append(f"{LOCK}: {one.label} is in {one.file}; it must be {one.label}.avsc")
    for name in _names(pins):
        versions = sorted(one.version for one in pins if one.name == name)
        if versions != list(range(1, len(versions) + 1)):
            found.append(f"{LOCK}: {name} has versions {versions}; they are 1, 2, 3 … without a hole")
    return found


def _files(folder: Path, pins: Sequence[Pin]) -> list[str]:
    known = {one.file for one in pins}
    unpinned = sorted(path.name for path in folder.glob("*.avsc") if path.name not in known)
    found = [f"{name} is not pinned: polyglot contracts pin" for name in unpinned]
    for one in pins:
        path = folder / one.file
        if not path.exists():
            found.append(f"{one.file} is pinned with id {one.id} but is not there: readers of that id would fail")
        elif sha256(path) != one.sha256:
            found.append(
                f"{one.file} differs from the text pinned with id {one.id}: "
                f"restore it and put the change into {one.name}.v{one.version + 1}.avsc"
            )
    return found


def _past(pins: Iterable[Pin], gone: Iterable[Pin], past: Sequence[Past]) -> list[str]:
    found: dict[str, None] = {}  # the same complaint once, however many commits had the pin; the newest names itself
    by_label = {one.label: one for one in pins}
    by_id = {one.id: one for one in pins}
    seen: set[Pin] = set(gone)  # those are held to nothing but that nobody else gets their ids
    for then in past:
        for old in then.pins:
            if old in seen:
                continue
            seen.add(old)
            now, holder = by_label.get(old.label), by_id.get(old.id)
            where = f"in commit {then.commit}"
            if now is None:
                found[f"{old.label} was pinned with id {old.id} {where} and is gone: data with that id exist"] = None
            elif now.id != old.id:
                found[f"{old.label} had id {old.id} {where} and has {now.id}: an id never changes"] = None
            elif now.sha256 != old.sha256:
                found[f"{old.label} was pinned with another text {where}: a change needs a new version"] = None
            if holder is not None and holder.label != old.label:
                found[f"id {old.id} was {old.label} {where} and is {holder.label}: an id is never reused"] = None
    return list(found)


def _versions(folder: Path, pins: Sequence[Pin]) -> list[str]:
    found: list[str] = []
    schemas: dict[Pin, dict[str, Any]] = {}
    for one in pins:
        try:
            document = json.loads((folder / one.file).read_text())
            unreadable(document, document)  # a first reading: is it Avro, and a record?
            schemas[one] = document
        except FileNotFoundError:
            continue  # already said
        except (ValueError, TypeError, AvroException) as error:
            found.append(f"{one.file} is not an Avro record: {error}")
            continue
        if document["name"] != one.name:
            found.append(f"{one.file}: the record is called {document['name']!r}; it must be {one.name!r}")
    for name in _names(pins):
        ordered = sorted((one for one in schemas if one.name == name), key=lambda one: one.version)
        for old, new in combinations(ordered, 2):
            found += _pair(new, schemas[new], old, schemas[old])
    return found


def _pair(new: Pin, after: dict[str, Any], old: Pin, before: dict[str, Any]) -> list[str]:
    found = [f"{new.label} cannot read {old.label}: {why}" for why in unreadable(after, before)]
    if new.name in FULL:
        return found + [f"{old.label} cannot read {new.label}: {why}" for why in unreadable(before, after)]
    return found + [f"{new.label} breaks readers of {old.label}: {why}" for why in removed(after, before)]


def _names(pins: Iterable[Pin]) -> list[str]:
    return sorted({one.name for one in pins})


def _repeated(values: Sequence[object]) -> list[object]:
    return sorted({value for value in values if values.count(value) > 1}, key=str)
