"""What the lake costs on S3: bytes a record, requests a million events, and a day's query before and after upkeep."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import httpx
import pyarrow.compute as pc
from hudi import HudiTableBuilder

from batch.api import open_session
from batch.maintenance.rounds import look
from batch.spark.bronze import open_table
from devstack.local.control import down, up
from devstack.local.s3_server import object_store
from operations.drain import drain
from operations.jobs import JOBS
from operations.lifecycle import submit
from runtime.config import Settings
from runtime.console import Console
from runtime.object_store import open_lake
from schemas.domains import domains

RATE = 5_000
_REPEATS = 3
_ENABLED = "POLYGLOT_S3__ENABLED"
_COUNT = re.compile(
    r'^SeaweedFS_s3_request_seconds_count\{bucket="(?P<bucket>[^"]+)",type="(?P<type>[^"]+)"\} (?P<n>\d+)'
)
#: What a query reads, and adds up.
_QUERIES = {"silver_trade": "size", "bronze_raw": "source_seq"}


def costs(console: Console, seconds: int) -> dict[str, Any]:
    """Feed at a steady rate for some seconds and measure a lake on S3, before and after `polyglot tables maintain`.

    Returns:
        ``requests``: per million events, by kind, of feeding and of one round of upkeep; ``tables``: bytes a record and
        files before and after; ``queries``: seconds by reader, before and after.
    """
    with _on_s3(console) as settings:
        frames = RATE * seconds
        before = _requests(settings)
        _polyglot("feed", "sim", "--simulate", str(frames), "--rate", str(RATE), "--speed", "1", "--start", "now")
        drain(settings, console, timeout_s=600)
        fed = _requests(settings) - before
        report = _polyglot("verify")
        records = {one["table"]: one["found"] for one in report["tables"]}
        small, asked = _tables(settings), _queries(settings, records)
        before = _requests(settings)
        _polyglot("tables", "maintain")
        kept = _requests(settings) - before
        large = _tables(settings)
        again = _queries(settings, records)
    million = frames / 1e6
    return {
        "frames": frames,
        "checkpoint_s": settings.flink.checkpoint_interval_s,
        "verify": {"passed": report["passed"], "differences": report["differences"]},
        "requests": {
            "feeding": {kind: round(count / million) for kind, count in fed.most_common()},
            "upkeep": {kind: round(count / million) for kind, count in kept.most_common()},
        },
        "tables": {
            name: {
                "bytes_a_record": round(found["bytes"] / max(records[name], 1), 1),
                "files": [small[name]["files"], found["files"]],
            }
            for name, found in large.items()
        },
        "queries": {
            f"{name}, {reader}": [round(took, 3), round(again[name, reader], 3)]
            for (name, reader), took in asked.items()
        },
    }


@contextmanager
def _on_s3(console: Console) -> Iterator[Settings]:
    os.environ[_ENABLED] = "true"
    settings = Settings()
    try:
        up(settings, console)
        submit(settings, console, list(JOBS))
        yield Settings()
    finally:
        down(settings, console, wipe=True)
        del os.environ[_ENABLED]


def _polyglot(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "polyglot.cli", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _requests(settings: Settings) -> Counter[str]:
    """Return how many requests the S3 server has had by kind; those of Flink's state are among them."""
    text = httpx.get(object_store(settings).metrics_url, timeout=10).text
    found: Counter[str] = Counter()
    for line in text.splitlines():
        if match := _COUNT.match(line):
            found[match["type"]] += int(match["n"])
    return found


def _tables(settings: Settings) -> dict[str, dict[str, Any]]:
    return {one.table: one.document() for one in look(open_lake(settings), list(domains().tables.values()))}


def _queries(settings: Settings, records: dict[str, int]) -> dict[tuple[str, str], float]:
    """Return how long a sum over a whole table takes, in seconds; each reader must find every row."""
    keys = settings.s3.keys() or ("", "")
    options = {
        "aws_endpoint": settings.s3.url, "aws_access_key_id": keys[0], "aws_secret_access_key": keys[1],
        "aws_region": settings.s3.region, "aws_allow_http": "true", "allow_http": "true",
    }  # fmt: skip
    found = {}
    with open_session(settings) as spark:
        for name, column in _QUERIES.items():
            uri = f"{settings.lake_uri}/{name}"

            def by_hudi_rs(uri: str = uri, column: str = column) -> int:
                table = HudiTableBuilder.from_base_uri(uri.replace("s3a:", "s3:")).with_storage_options(options).build()
                batches = table.read()
                for batch in batches:
                    pc.sum(batch.column(column))
                return sum(batch.num_rows for batch in batches)

            def by_spark(uri: str = uri, column: str = column) -> int:
                (row,) = open_table(spark, uri).selectExpr(f"sum({column})", "count(*) as n").collect()
                return int(row["n"])

            for reader, query in (("hudi-rs", by_hudi_rs), ("Spark", by_spark)):
                found[name, reader] = _took(query, records[name])
    return found


def _took(query: Callable[[], int], rows: int) -> float:
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        if (found := query()) != rows:
            raise AssertionError(f"{found} rows instead of {rows}")
        times.append(time.perf_counter() - began)
    return median(times)
