"""Proofs: what verifications have found, as records of a topic, and from where the next one goes on.

A verification leaves one record for each table and day, and behind them one of it as a whole. Only one that passed is
gone on from: what differed is compared again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from batch.publishing.sender import PublishError, Sender
from flink_jobs.worker import CODE
from operations.releases import project_version
from runtime.config import Settings
from runtime.console import CommandError
from runtime.readers.log import decode, messages
from schemas import catalog
from udfs.wire.by_contract import encode

TOPIC = catalog.topic("proof")
#: In ``table``: the verification as a whole.
WHOLE = "*"
PASSED, FAILED = "passed", "failed"
#: Bounds of a range that has none, µs: 1970, and the year 10,000.
FIRST, LAST = 0, 253_402_300_800_000_000


@dataclass(frozen=True)
class Proven:
    """The last verification that passed: everything that Bronze had at its ``instant`` is proven."""

    proof_id: str
    instant: str
    proved_at: int


def last(settings: Settings) -> Proven | None:
    """Return the newest verification that passed; None if none has.

    Raises:
        CommandError: the broker does not answer.
    """
    found = None
    for record in messages(settings, [TOPIC]):
        one = decode("proof", record.value)
        if one["table"] == WHOLE and one["status"] == PASSED and (found is None or one["proved_at"] > found.proved_at):
            found = Proven(one["proof_id"], one["instant"], one["proved_at"])
    return found


def keep(settings: Settings, document: Mapping[str, Any], span: tuple[int | None, int | None], instant: str) -> str:
    """Write what a verification's report says into the topic; return the proof's id.

    Args:
        settings: settings.
        document: the report.
        span: event time that was compared, µs; None is unbounded.
        instant: Bronze's newest commit when the verification began.

    Raises:
        CommandError: the broker did not take a record.
    """
    found = list(records(document, span, instant, time.time_ns() // 1000))
    _send(settings, found)
    return str(found[-1]["proof_id"])


def records(
    document: Mapping[str, Any], span: tuple[int | None, int | None], instant: str, now: int
) -> Iterator[dict[str, Any]]:
    """Yield the records of a verification, that of the whole last."""
    start, end = span
    common = {
        "entity_id": document["entity"] or "",
        "range_start": FIRST if start is None else start,
        "range_end": LAST if end is None else end,
        "engine": document["engine"],
        "instant": instant,
        "code": CODE,
        "version": project_version(),
    }
    tables = [{**common, **line} for line in _lines(document["tables"])]
    digest = blake2b(json.dumps([common, tables], sort_keys=True).encode(), digest_size=32).hexdigest()
    whole = {
        **common,
        "table": WHOLE,
        "day": "",
        "status": PASSED if document["passed"] else FAILED,
        "replayed": document["records"],
        "found": sum(line["found"] for line in tables),
        "replay_digest": digest,
        "found_digest": "",
        "differences": document["differences"],
    }
    for one in (*tables, whole):
        yield {**one, "proof_id": digest[:32], "proved_at": now}


def _lines(tables: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for table in tables:
        differences = sum(table["differences"].values())
        for day in table["days"] or [_NO_DAY]:
            status = table["status"] if day is _NO_DAY else "equal" if day["equal"] else "different"
            columns = ("day", "replayed", "found", "replay_digest", "found_digest")
            numbers = {name: day[name] for name in columns}
            yield {"table": table["table"], "status": status, "differences": differences, **numbers}


_NO_DAY: Mapping[str, Any] = {"day": "", "replayed": 0, "found": 0, "replay_digest": "", "found_digest": ""}


def _send(settings: Settings, found: Sequence[Mapping[str, Any]]) -> None:
    try:
        with Sender(settings.kafka.librdkafka()) as sender:
            for one in found:  # they share a key, so they keep their order
                sender.send(TOPIC, one["proof_id"], encode("proof", one), one["proved_at"] // 1000)
    except PublishError as error:
        raise CommandError(f"Kafka did not take all proofs: {error}") from error
