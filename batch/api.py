"""Replays and verifications for a notebook or a script: the same as the commands, returned instead of printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from batch.ranges import Span
from batch.replaying.replay import Replayed
from batch.replaying.replay import replay as _replay
from batch.spark.session import spark_session
from batch.verifying.result import STORES, Verified
from batch.verifying.sources import sources
from batch.verifying.verify import verify as _verify
from runtime.config import Settings
from runtime.object_store import hadoop_conf
from runtime.quality import rules
from runtime.readers.releases import schedule

__all__ = ["STORES", "Replayed", "Verified", "open_session", "replay", "verify"]


@contextmanager
def open_session(settings: Settings | None = None, *, memory_mb: int | None = None) -> Iterator[SparkSession]:
    """Start Spark with the jars of an installation, and stop it at the end.

    Args:
        settings: of the installation; by default those of the environment.
        memory_mb: heap of the driver, MB; by default what the settings say.

    Raises:
        SparkUnavailableError: there are no jars; `polyglot build` fetches them.
    """
    found = settings or Settings()
    jars, scratch = found.cache_dir / "jars" / "spark", found.var_dir / "spark"
    with spark_session(
        jars.resolve(), scratch.resolve(), memory_mb=memory_mb, where=found.spark, hadoop=hadoop_conf(found)
    ) as spark:
        yield spark


@contextmanager
def _session(spark: SparkSession | None, settings: Settings) -> Iterator[SparkSession]:
    if spark is not None:
        yield spark
        return
    with open_session(settings) as own:
        yield own


def replay(
    *,
    start: str | None = None,
    end: str | None = None,
    entity: str | None = None,
    out: Path | None = None,
    versions: str = "",
    settings: Settings | None = None,
    spark: SparkSession | None = None,
) -> Replayed:
    """Recompute trades, quotes and bars from Bronze.

    Args:
        start: ISO date or instant (UTC) of event time, included; by default everything.
        end: the same, excluded.
        entity: only this entity, e.g. ``binance_usdm:BTCUSDT``.
        out: folder for the records, replaced; by default ``replay`` in the installation's ``var_dir``.
        versions: which versions of behaviour hold where: a file that `polyglot versions --save` wrote, or ``current``,
            this code's everywhere; by default what ``release.ingestion.v1`` says.
        settings: of the installation; by default those of the environment.
        spark: a session of `open_session`; without one Spark is started and stopped.

    Returns:
        Counts and times; `Replayed.table` gives the records of a kind as an Arrow table.

    Raises:
        RangeError: ``start`` or ``end`` is no instant, or the range is empty.
        BronzeError: there is no Bronze table.
        CommandError: the broker does not answer and no ``versions`` are given.
        BalanceError: a kernel lost records.

    Example:
        >>> done = replay(versions="current", settings=installation, spark=session)
        >>> done.table("quote_bar").num_rows == done.records["quote_bar"] > 0
        True
    """
    found = settings or Settings()
    span, folder = Span.parse(start, end), out or found.replays_dir / "replay"
    holds = schedule(found, versions)
    with _session(spark, found) as running:
        return _replay(running, found.lake_uri, folder.resolve(), span, entity, quality=rules(found), schedule=holds)


def verify(
    *,
    start: str | None = None,
    end: str | None = None,
    entity: str | None = None,
    stores: Sequence[str] = STORES,
    limit: int = 20,
    versions: str = "",
    settings: Settings | None = None,
    spark: SparkSession | None = None,
) -> Verified:
    """Replay Bronze and compare every store with it, byte for byte.

    Args:
        start: ISO date or instant (UTC) of event time, included; by default everything.
        end: the same, excluded.
        entity: only this entity.
        stores: which of `batch.STORES` to compare; a store that is not named need not be there.
        limit: differences per table that are shown; all are counted.
        versions: which versions of behaviour hold where: a file that `polyglot versions --save` wrote, or ``current``,
            this code's everywhere; by default what ``release.ingestion.v1`` says.
        settings: of the installation; by default those of the environment.
        spark: a session of `open_session`; without one Spark is started and stopped.

    Returns:
        The verdict and everything behind it, table by table and day by day.

    Raises:
        RangeError, ValueError: ``start``, ``end`` or a store is none.
        BronzeError: there is no Bronze table.
        CommandError: the broker does not answer and no ``versions`` are given.
        BalanceError: a kernel lost records.
        BrokerError, ClickHouseUnavailableError, StoreError: a store could not be read.

    Example:
        >>> result = verify(stores=["silver", "gold"], versions="current", settings=installation, spark=session)
        >>> result.passed(), result.differences
        (True, 0)
        >>> [(each.table, each.status) for each in result.comparisons][:2]
        [('silver_trade', 'equal'), ('silver_quote', 'equal')]
    """
    if unknown := set(stores) - set(STORES):
        raise ValueError(f"no store {', '.join(sorted(unknown))}; there are {', '.join(STORES)}")
    found, asked = settings or Settings(), tuple(stores)
    span, where = Span.parse(start, end), sources(found, asked, versions)
    with _session(spark, found) as running:
        return _verify(running, where, span, entity, stores=asked, limit=limit)
