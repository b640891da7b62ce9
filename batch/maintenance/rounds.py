"""One round of upkeep: each table's due services, one after the other, by one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from batch.maintenance import services
from batch.maintenance.conditions import CLEANING, CLUSTERING, COMPACTION, Condition, condition
from batch.maintenance.heartbeats import WriterAliveError, wait_until_dead
from batch.maintenance.table_files import read
from runtime.object_store import Place
from schemas.domains import Table


class MaintenanceBusyError(RuntimeError):
    """Another process maintains this lake."""


def look(lake: Place, tables: Sequence[Table]) -> list[Condition]:
    """Return the condition of each table that there is.

    Raises:
        LayoutError: a table cannot be read.
    """
    found = ((table, read(lake.files, f"{lake.path}/{table.name}")) for table in tables)
    return [condition(table, layout) for table, layout in found if layout is not None]


def maintain(
    spark: SparkSession, lake: Place, tables: Sequence[Table], said: Callable[[str], None] = lambda _text: None
) -> dict[str, list[str]]:
    """Run what is due; return the services that were run of each table.

    What a run that died has left is finished first. A service makes another one due (what clustering replaces is to be
    cleaned one day), so the table is looked at before each.

    Args:
        spark: a session.
        lake: its root.
        tables: which.
        said: is told what begins.

    Raises:
        LayoutError: a table cannot be read.
        MaintenanceBusyError: a compaction of the table is under way elsewhere.
    """
    done: dict[str, list[str]] = {}
    for table in tables:
        at = Place(f"{lake.uri}/{table.name}", lake.files, f"{lake.path}/{table.name}")
        for service in (COMPACTION, CLUSTERING, CLEANING):
            for found in look(lake, [table]):
                if service in found.due:
                    said(f"{table.name}: {service}")
                    _run(spark, service, table, at, found)
                    done.setdefault(table.name, []).append(service)
    return done


def _run(spark: SparkSession, service: str, table: Table, at: Place, found: Condition) -> None:
    if service == COMPACTION:
        if COMPACTION in found.unfinished:
            _wait_for_its_writer(at)
            services.compact(spark, at.uri, unfinished=True)
        if found.most_log_files >= table.upkeep.log_files:
            services.compact(spark, at.uri)
    elif service == CLUSTERING:
        if CLUSTERING in found.unfinished:
            services.cluster(spark, table, at.uri, (), unfinished=True)
        if found.partitions:
            services.cluster(spark, table, at.uri, found.partitions)
    else:
        services.clean(spark, table, at.uri, all_old=found.all_old)


def _wait_for_its_writer(at: Place) -> None:
    layout = read(at.files, at.path)
    pending = layout.timeline.pending if layout else {}
    try:
        wait_until_dead(at.files, at.path, (began for began, action in pending.items() if action == COMPACTION))
    except WriterAliveError as error:
        raise MaintenanceBusyError(str(error)) from None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other runs away meanwhile; the lock ends with this process, however it ends.

    Raises:
        MaintenanceBusyError: one is under way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "maintenance.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MaintenanceBusyError("another maintenance of this lake is under way") from None
        yield
