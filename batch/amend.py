"""Which events of an entity came too late and can still be amended: found in Bronze, by the fold that rejected them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from batch.bronze import AMENDED, read_bronze, topics_of
from batch.ranges import DAY_US, Span
from batch.replay import KINDS, records, rejected, replay
from batch.requests import Kind, Request
from batch.topics import decoded
from schemas.quality import Quality
from udfs import gate
from udfs.amendments import Amendment
from udfs.envelope import decode, encode_one
from udfs.rejects import Reject
from udfs.resubmitted import AMEND, SUFFIX, copy_id, original_id
from udfs.rules import rules
from udfs.times import SECOND

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
        """Return what must be restated when the event is accepted: the seconds that it has something in."""
        spec = rules(self.topic)
        frame = spec.dialect.parse(self.envelope[9])
        rows = spec.dialect.trades(frame) if spec.kind == "trade" else spec.dialect.quotes(frame)
        kind: Kind = "trade" if spec.kind == "trade" else "quote"
        seconds = sorted({row.event_time // SECOND * SECOND for row in rows if row.event_time is not None})
        return [Request(self.envelope[1], kind, start, start + SECOND, "amended") for start in seconds]


@dataclass
class Found:
    """The late events of a span, and what is known of the entity.

    ``newest``: the newest ingest time (µs) in each raw topic; ``amended``: the original ids that were amended already;
    ``accepted``: how many late records are copies of events that were accepted in time (a venue sends them again).
    """

    late: list[Late]
    accepted: int = 0
    newest: dict[str, int] = field(default_factory=dict)
    amended: set[str] = field(default_factory=set)

    @property
    def open(self) -> list[Late]:
        """The events that are not amended yet."""
        return [one for one in self.late if one.event_id not in self.amended]


def find(
    spark: SparkSession, lake_uri: str, scratch: Path, entity: str, span: Span, quality: Quality | None = None
) -> Found:
    """Fold the entity's log with the rules as they are, and collect what was rejected as late.

    `span` is bounded; `scratch` is a local folder (replaced).

    Raises:
        BronzeError: no Bronze.
        BalanceError: a kernel lost records.
    """
    if span.start is None or span.end is None:
        raise ValueError("an amendment is bounded in time")
    # A frame may hold several events, so its own may lie around it.
    wider = Span(span.start - DAY_US, span.end + DAY_US)
    done = replay(spark, lake_uri, scratch, wider, entity, reduce=False, to_the_end=True, quality=quality)
    late = _late(rejected(spark, done.out), span)
    accepted = _accepted(spark, done.out, [one.event_id for one in late])
    bronze = read_bronze(spark, lake_uri).where(fn.col("entity_id") == entity)
    bronze = bronze.where(fn.col("topic").isin(sorted({*topics_of("trade"), *topics_of("quote")})))
    newest = {row.topic: row.time for row in bronze.groupBy("topic").agg(fn.max("ingest_time").alias("time")).collect()}
    amended = {original_id(row.event_id) for row in bronze.where(AMENDED).select("event_id").collect()}
    kept = [one for one in late if one.event_id not in accepted]
    return Found(kept, len(late) - len(kept), newest, amended)


def _late(letters: DataFrame, span: Span) -> list[Late]:
    """Return each event once, by topic and time."""
    flat = letters.select(
        decoded(fn.col("value"), "dead_letter", ("topic", "reason", "event_time", "record")).alias("d")
    )
    rows = flat.select("d.*").where("reason = 'late'").where(span.sql_event()).collect()
    found: dict[tuple[str, str], Late] = {}
    for row in rows:
        envelopes, _, bad = decode([bytes(row.record)])
        if bad or SUFFIX[AMEND] in envelopes.event_id[0]:
            continue  # an amendment that was too narrow
        envelope = envelopes.row(0)
        one = Late(row.topic, (original_id(envelope[0]), *envelope[1:]))
        before = found.setdefault((one.topic, one.event_id), one)
        if one.envelope[6:9] < before.envelope[6:9]:
            found[one.topic, one.event_id] = one
    return sorted(found.values(), key=lambda one: (one.topic, one.event_time, one.event_id))


def _accepted(spark: SparkSession, out: Path, ids: Sequence[str]) -> set[str]:
    """Return which of the ids were accepted as well, in time."""
    if not ids:
        return set()
    wanted = fn.broadcast(spark.createDataFrame([(one,) for one in ids], "id STRING"))
    accepted: set[str] = set()
    for kind in KINDS:
        # An event of a frame with several is numbered behind the frame's id.
        frames = records(spark, out, kind).select(fn.regexp_replace("event_id", "#[0-9]+$", "").alias("id"))
        accepted |= {row.id for row in frames.join(wanted, "id", "left_semi").distinct().collect()}
    return accepted


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


def within(late: Sequence[Late], horizon: int, newest: dict[str, int]) -> tuple[list[Late], dict[str, int]]:
    """Split events by what the gate would say of their amendment: those it accepts, and how many of each reason."""
    kept: list[Late] = []
    refused: dict[str, int] = {}
    anyone = Amendment("0" * 32, "", 0, 0, horizon, 0).source_id
    for one in late:
        try:
            amended(one, anyone, 1, newest[one.topic])
        except Reject as reject:
            refused[reject.reason] = refused.get(reject.reason, 0) + 1
        else:
            kept.append(one)
    return kept, refused
