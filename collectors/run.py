"""The functions behind ``polyglot feed``; each returns one report for people and machines."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectors.backfill import Backfill, read
from collectors.block import Source
from collectors.capture import Capture
from collectors.live import Live, Patience, run_id
from collectors.producer import RawProducer
from collectors.pump import REPORT_EVERY_S, Fed, Pace, Pump, Sender, venue_topics
from collectors.reference import VENUE, ReferenceFile, Supplement
from collectors.sim import SimSpec, Simulator
from collectors.subscriptions import subscription
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit, Tracker

CHECKPOINTS = "collect"
#: Room for the envelope's other fields and the record's overhead in the largest record, bytes.
ENVELOPE_ROOM = 64 * 1024
_GZIP_LEVEL = 1


def pace(text: str, *, wall_clock: bool = False) -> Pace:
    """Parse ``max`` or a factor.

    Raises:
        CommandError: neither.
    """
    if text == "max":
        return Pace()
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 < speed < 1e6:
        raise CommandError(f"--speed: expected max or a factor above 0, got {text!r}", code=Exit.USAGE)
    return Pace(speed, wall_clock=wall_clock)


def feed_sources(
    settings: Settings,
    console: Console,
    venue: str,
    sources: Sequence[tuple[str, Source, int | None]],
    *,
    pace: Pace,
    resume: bool,
) -> dict[str, Any]:
    """Feed named sources, one after the other; each with the number of its frames if that is known.

    Raises:
        CommandError: no broker, no topics, a damaged source, or a record that was not delivered.
    """
    started = time.monotonic()
    producer = RawProducer(settings.kafka, warn=console.warn)
    cluster = producer.connect(venue_topics(venue))
    fed: list[tuple[str, Fed]] = []
    with producer.closing():
        for name, source, total in sources:
            pump = Pump(source, producer, cluster, settings.var_dir / CHECKPOINTS)
            after = pump.resume_point() if resume else 0
            if after:
                console.info(f"{name}: goes on behind frame {after:,} (--no-resume sends everything again)")
            left = None if total is None else max(total - after, 0)
            with console.progress(f"feed {name}", left) as tracker:
                fed.append((name, pump.run(after, pace, tracker)))
    return report(venue, fed, producer, time.monotonic() - started)


def report(venue: str, fed: Sequence[tuple[str, Fed]], producer: RawProducer, seconds: float) -> dict[str, Any]:
    """Return the summary of a run; ``bytes`` are of Kafka values."""
    return {
        "venue": venue,
        "sources": [
            {
                "name": name,
                "source_id": one.source_id,
                "resumed_after": one.resumed_after,
                "frames": one.frames,
                "payload_bytes": one.payload_bytes,
                **one.details,
            }
            for name, one in fed
        ],
        "frames": sum(one.frames for _, one in fed),
        "acked": producer.acked,
        "topics": dict(sorted(producer.per_topic.items())),
        "bytes": producer.bytes,
        "seconds": round(seconds, 3),
        "rate": round(producer.acked / seconds, 1) if seconds else 0.0,
    }


def feed_captures(
    settings: Settings, console: Console, venue: str, paths: Sequence[Path], *, pace: Pace, resume: bool
) -> dict[str, Any]:
    """Feed capture files in the order given."""
    sources: list[tuple[str, Source, int | None]] = [(path.name, Capture(venue, path), None) for path in paths]
    return feed_sources(settings, console, venue, sources, pace=pace, resume=resume)


def feed_reference(
    settings: Settings, console: Console, paths: Sequence[Path], supplement: Supplement, *, resume: bool
) -> dict[str, Any]:
    """Feed files of reference data in the order given."""
    sources: list[tuple[str, Source, int | None]] = [
        (path.name, ReferenceFile(path, supplement), None) for path in paths
    ]
    return feed_sources(settings, console, VENUE, sources, pace=Pace(), resume=resume)


def feed_backfill(
    settings: Settings,
    console: Console,
    venue: str,
    files: Sequence[str],
    symbol: str,
    *,
    received_us: int | None,
    resume: bool,
) -> dict[str, Any]:
    """Feed saved REST answers in the order given; nothing is fed when one of them cannot be read."""
    found = [(name, Backfill(venue, name, read(name), symbol, received_us)) for name in files]
    for name, source in found:
        if source.unknown:
            console.warn(
                f"{name}: {source.unknown:,} elements are no trades; sent as they are, they become dead letters"
            )
    sources: list[tuple[str, Source, int | None]] = [(name, source, len(source)) for name, source in found]
    return feed_sources(settings, console, venue, sources, pace=Pace(), resume=resume)


def feed_simulated(
    settings: Settings, console: Console, spec: SimSpec, count: int, *, pace: Pace, resume: bool = True
) -> dict[str, Any]:
    """Feed the first ``count`` frames of a simulated venue; the report has its manifest."""
    source = Simulator(spec, count)
    found = feed_sources(settings, console, source.venue, [("sim", source, count)], pace=pace, resume=resume)
    return {**found, "manifest": source.manifest.document()}


def feed_live(
    settings: Settings,
    console: Console,
    venue: str,
    symbols: Sequence[str],
    *,
    url: str = "",
    seconds: float = 0.0,
    patience: Patience | None = None,
) -> dict[str, Any]:
    """Follow instruments until Ctrl-C, SIGTERM or ``seconds``; everything that arrived is acknowledged then."""
    asked = subscription(venue, symbols, url)
    started = time.monotonic()
    producer = RawProducer(settings.kafka, warn=console.warn)
    producer.connect(venue_topics(venue))
    sender = Sender(venue, run_id(venue), producer)

    async def report_progress(live: Live, tracker: Tracker) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            tracker.describe(f"{live.frames:,} frames over {live.connections} connections")

    async def collect(tracker: Tracker) -> Live:
        live = Live(
            asked,
            sender,
            max_frame=settings.kafka.max_message_bytes - ENVELOPE_ROOM,
            say=console.info,
            patience=patience,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, live.stop)
        if seconds:
            loop.call_later(seconds, live.stop)
        reporter = asyncio.create_task(report_progress(live, tracker))
        await live.run()
        reporter.cancel()
        return live

    title = f"live {venue}: {', '.join(symbols)}"
    with producer.closing(), console.progress(title) as tracker:
        live = asyncio.run(collect(tracker))
    fed = Fed(sender.source_id, frames=live.frames, details={"connections": live.connections})
    return report(venue, [(f"live {venue}", fed)], producer, time.monotonic() - started)


def write_capture(spec: SimSpec, count: int, path: Path, console: Console) -> dict[str, Any]:
    """Write simulated frames as a gzip capture (``<receive ns> <frame>``); equal specs give equal files."""
    source, started, size = Simulator(spec, count), time.monotonic(), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as file,
        console.progress(f"write {path.name}", count) as tracker,
    ):
        for block in source.blocks(0):
            lines = (b"%d000 %s\n" % row for row in zip(block.receive_us, block.payload, strict=True))
            size += file.write(b"".join(lines))
            tracker.advance(len(block))
    seconds = time.monotonic() - started
    return {
        "venue": source.venue,
        "sources": [{"name": str(path), "source_id": source.source_id, "resumed_after": 0, "frames": count}],
        "frames": count,
        "acked": 0,
        "topics": {},
        "bytes": size,
        "seconds": round(seconds, 3),
        "rate": round(count / seconds, 1),
        "manifest": source.manifest.document(),
    }


def write_json(path: Path, document: object) -> None:
    """Write a document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
