"""Where an installation's stores are, for a verification."""

from __future__ import annotations

from batch.spark.clickhouse import Endpoint
from batch.spark.topics import Broker
from batch.verifying.result import Sources
from runtime.config import Settings
from runtime.quality import rules
from runtime.readers.releases import schedule

#: Stores that are partly in ClickHouse.
_IN_CLICKHOUSE = {"clickhouse", "adjusted"}


def sources(settings: Settings, stores: tuple[str, ...], versions: str = "") -> Sources:
    """Return where the stores to compare are; whoever compares nothing in ClickHouse need not know its password.

    ``versions`` is as in `runtime.readers.releases.schedule`.

    Raises:
        CommandError: a password or the data-quality rules are not there, or it cannot be read which versions hold.
    """
    asked = not _IN_CLICKHOUSE.isdisjoint(stores)
    return Sources(
        lake_uri=settings.lake_uri,
        scratch=settings.replays_dir / "verify",
        kafka=Broker(settings.kafka.librdkafka(), settings.kafka.java()),
        clickhouse=Endpoint(**settings.clickhouse.login(), database=settings.clickhouse.database) if asked else None,
        quality=rules(settings),
        schedule=schedule(settings, versions),
    )
