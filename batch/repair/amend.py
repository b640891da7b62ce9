"""Which events of an entity came too late and can still be amended: found in Bronze, by the fold that rejected them.

Too late is an event that is older than the horizon when it is received (``late``), and one that was received in time
but stands so far behind in the log that its id may be forgotten (``behind_dedup_window``). No copy of either can be
accepted any more, for an entity's newest ingest time only rises. Whether an *earlier* copy was is looked up here, once:
in the same fold for the time around the span, in Bronze for all other times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from batch.ranges import Span
from batch.repair.requests import Kind, Request
from batch.replaying.files import low_rate, records, rejected
from batch.replaying.replay import KINDS, replay
from batch.replaying.shards import topics_of
from batch.spark.bronze import AMENDED, read_bronze
from batch.spark.topics import contents, decoded, frame_id
from schemas import catalog
from schemas.catalog import DAY, REVISIONS
from schemas.quality import Quality
from schemas.versions import Schedule
from udfs.gate import judge as gate
from udfs.gate.amendments import REASONS, Amendment
from udfs.gate.resubmitted import AMEND, SUFFIX, copy_id, original_id
from udfs.gate.topic_rules import rules
from udfs.values.rejects import Reject
from udfs.values.times import SECOND
from udfs.wire.envelope import decode, encode_one

Row = tuple[str, str, str, str, int, str, int, str, int, bytes]


@dataclass(frozen=True)
class Late:
    """A rejected event: its raw topic, and its envelope in the contract's order."""

    topic: str
    envelope: Row

    @property
    def event_id(self) -> str:
        return self.envelope[0]

    @property
    def event_time(self) -> int:
        return self.envelope[4]

    def requests(self) -> list[Request]:
        """Return the repairs that an accepted event calls for: the seconds that it changes.

        A cancel or correction has it where the trade is that it means.
        """
        spec = rules(self.topic)
        frame = spec.dialect.parse(self.envelope[9])
        times: list[int | None]
        if spec.kind in REVISIONS:
            times = [row.trade_time for row in spec.dialect.revisions(frame)]
        elif spec.kind == "trade":
            times = [row.event_time for row in spec.dialect.trades(frame)]
        else:
            times = [row.event_time for row in spec.dialect.quotes(frame)]
        kind: Kind = "quote" if spec.kind == "quote" else "trade"
        seconds = sorted({time // SECOND * SECOND for time in times if time is not None})
        return [Request(self.envelope[1], kind, start, start + SECOND, "amended") for start in seconds]


@dataclass
class Found:
    """The events of a span that came too late, and what is known of the entity.

    ``copies``: those of which another copy was accepted (a venue sends them again, a second collector has a backlog);
    they are no part of ``late``. ``newest``: the newest ingest time (µs) in each raw topic; ``amended``: the original
    ids that were amended already.
    """

    late: list[Late]
    copies: list[Late] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)
    amended: set[str] = field(default_factory=set)

    @property
    def open(self) -> list[Late]:
        """The events that are not amended yet."""
        return [one for one in self.late if one.event_id not in self.amended]


def find(
    spark: SparkSession,
    lake_uri: str,
    scratch: Path,
    entity: str,
    span: Span,
    quality: Quality | None = None,
    schedule: Schedule | None = None,
) -> Found:
    """Fold the entity's log with the rules that hold for it, and collect the events that came too late.

    `span` is bounded; `scratch` is a local folder (replaced).

    Raises:
        BronzeError: no Bronze.
        BalanceError: a kernel lost records.
    """
    if span.start is None or span.end is None:
        raise ValueError("an amendment is bounded in time")
    # A frame may hold several events, so its own may lie around it.
    wider = Span(span.start - DAY, span.end + DAY)
    done = replay(
        spark, lake_uri, scratch, wider, entity, reduce=False, to_the_end=True, quality=quality, schedule=schedule
    )
    late = _late(rejected(spark, done.out), span)
    bronze = read_bronze(spark, lake_uri).where(fn.col("entity_id") == entity)
    topics = {name for kind in (*KINDS, "revision") for name in topics_of(kind)}
    bronze = bronze.where(fn.col("topic").isin(sorted(topics)))
    ids = [one.event_id for one in late]
    accepted = _accepted(spark, done.out, ids) | _elsewhere(spark, bronze, wider, ids)
    newest = {row.topic: row.time for row in bronze.groupBy("topic").agg(fn.max("ingest_time").alias("time")).collect()}
    amended = {original_id(row.event_id) for row in bronze.where(AMENDED).select("event_id").collect()}
    kept = [one for one in late if one.event_id not in accepted]
    return Found(kept, [one for one in late if one.event_id in accepted], newest, amended)


def _late(dead_letters: DataFrame, span: Span) -> list[Late]:
    flat = dead_letters.select(
        decoded(fn.col("value"), "dead_letter", ("topic", "reason", "event_time", "record")).alias("d")
    )
    rows = flat.select("d.*").where(fn.col("reason").isin(*REASONS)).where(span.sql_event()).collect()
    return first_copies((row.topic, bytes(row.record)) for row in rows)


def first_copies(dead_letters: Iterable[tuple[str, bytes]]) -> list[Late]:
    """Return the events of dead letters (topic and rejected record) that came too late, by topic and time.

    Each once: of several copies the one that was received first. Amended copies are none: those were too narrow.
    """
    found: dict[tuple[str, str], Late] = {}
    for topic, record in dead_letters:
        envelopes, _, bad = decode([record])
        if bad or SUFFIX[AMEND] in envelopes.event_id[0]:
            continue
        envelope = envelopes.row(0)
        one = Late(topic, (original_id(envelope[0]), *envelope[1:]))
        before = found.setdefault((one.topic, one.event_id), one)
        if one.envelope[6:9] < before.envelope[6:9]:
            found[one.topic, one.event_id] = one
    return sorted(found.values(), key=lambda one: (one.topic, one.event_time, one.event_id))


def _accepted(spark: SparkSession, out: Path, ids: Sequence[str]) -> set[str]:
    """Return which of the ids were accepted as well, in time."""
    if not ids:
        return set()
    folded = [contents(records(spark, out, kind), kind) for kind in KINDS]
    folded += [contents(low_rate(spark, out, catalog.topic(kind)), kind) for kind in REVISIONS]
    return {one for rows in folded for one in _among(spark, rows.select(frame_id().alias("id")), ids)}


def _elsewhere(spark: SparkSession, bronze: DataFrame, replayed: Span, ids: Sequence[str]) -> set[str]:
    """Return which of the ids Bronze also has at event times that the replay did not cover.

    The same id with other content may have any time. What became of that one is not known here, so it counts as
    accepted: an event too few can still be amended, one too many not be taken back.
    """
    if not ids:
        return set()
    return _among(spark, bronze.where(~fn.expr(replayed.sql_event())).select(fn.col("event_id").alias("id")), ids)


def _among(spark: SparkSession, rows: DataFrame, ids: Sequence[str]) -> set[str]:
    """Return which of the ids are in the rows' column ``id``."""
    wanted = fn.broadcast(spark.createDataFrame([(one,) for one in ids], "id STRING"))
    return {row.id for row in rows.join(wanted, "id", "left_semi").distinct().collect()}


def amended(late: Late, source_id: str, source_seq: int, ingest_time: int) -> bytes:
    """Return the Kafka value that amends an event.

    Raises:
        Reject: the gate would not accept it, mostly because it is further behind than the horizon that is stated.
    """
    event_id, entity_id, venue, channel, event_time, source, _, _, _, payload = late.envelope
    value = encode_one(
        copy_id(AMEND, event_id), entity_id, venue, channel, event_time, source, ingest_time, source_id, source_seq,
        payload,
    )  # fmt: skip
    envelopes, _, bad = decode([value])
    if bad:
        raise Reject(bad[0].reason, bad[0].detail)
    gate.judge(rules(late.topic), envelopes, 0)
    return value


def within(late: Sequence[Late], horizon: int, newest: dict[str, int]) -> tuple[list[Late], dict[str, list[Late]]]:
    """Split events into those whose amendment the gate would accept and, by reason, those it would refuse.

    ``late`` is the reason of those beyond `horizon`; all others are refused by any horizon.
    """
    kept: list[Late] = []
    refused: dict[str, list[Late]] = {}
    anyone = Amendment("0" * 32, "", 0, 0, horizon, 0).source_id
    for one in late:
        try:
            amended(one, anyone, 1, newest[one.topic])
        except Reject as reject:
            refused.setdefault(reject.reason, []).append(one)
        else:
            kept.append(one)
    return kept, refused
