"""What a round is fed with: two redundant collectors of one venue, each with gaps that the other fills, and one of
another venue.

The frames are simulated, or those of a capture. They are written as capture files before the round begins, so that what
must come out is known: the distinct event ids that at least one collector has.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import BinaryIO, NamedTuple, cast

from collectors.capture import Capture
from collectors.sim import SimSpec, Simulator
from devstack.demo.captures import detect_venue

#: Frames per second that a collector of the first venue sends; the second venue sends a fraction of it.
PACE = 500.0
OTHER_SHARE = 0.15
#: Seconds of event time per second: a short outage of the clock is a long one of event time.
SPEED = 10.0
#: Share of the frames that one collector misses and the other has, each.
MISSED = 0.05
#: What late frames are late by at most, seconds.
LATE_S = 30.0
#: With these, each partition of the normalized topics has one venue's entities only: a venue that falls silent leaves
#: idle partitions behind.
SYMBOLS = {"sim": 4, "binance_usdm": 1}


class Frame(NamedTuple):
    """A frame as it would be received, and what identifies it."""

    receive_us: int
    payload: bytes
    channel: str
    event_id: str


class Jump(NamedTuple):
    """A stretch of the feed (both as shares of it) in which the second collector's clock is wrong by ``offset_us``."""

    begin: float
    end: float
    offset_us: int


@dataclass
class Feed:
    """A round's input: files by venue, the first two of one venue; how many records; seconds of event time.

    ``identities`` are venue, channel and event id of each distinct frame.
    """

    files: list[tuple[str, Path]]
    start_us: int
    seconds: float
    speed: float
    records: int = 0
    jumped: int = 0
    identities: set[tuple[str, str, str]] = field(default_factory=set)


def simulated(seed: int, venue: str, frames: int, rate: int, start_us: int, dice: Random) -> Iterator[Frame]:
    """Yield the frames of a simulated venue, with disorder, resends, malformed ones and a clock that is off."""
    spec = SimSpec(
        seed=seed, rate=rate, start_us=start_us, symbols=SYMBOLS[venue], late_share=0.05, late_max_s=LATE_S,
        duplicate_share=0.02, malformed_share=0.005, clock_offset_ms=dice.randrange(-1500, 1500),
    )  # fmt: skip
    for block in Simulator(spec, frames).blocks(0):
        yield from map(Frame, block.receive_us, block.payload, block.channel, block.event_id)


def captured(paths: Sequence[Path], skip: int, frames: int) -> list[Frame]:
    """Return ``frames`` frames of captures, behind the first ``skip``; fewer, or none, at their end."""
    venue = detect_venue(paths[0])

    def every() -> Iterator[Frame]:
        for path in paths:
            for block in Capture(venue, path).blocks(0):
                yield from map(Frame, block.receive_us, block.payload, block.channel, block.event_id)

    return list(islice(every(), skip, skip + frames))


def slices(paths: Sequence[Path], frames: int) -> int:
    """Return how many rounds of ``frames`` frames captures are good for: one at least, which may be shorter."""
    venue = detect_venue(paths[0])
    held = sum(len(block.payload) for path in paths for block in Capture(venue, path).blocks(0))
    return max(1, held // frames)


def from_simulator(folder: Path, seed: int, frames: int, start_us: int, dice: Random, jumps: Sequence[Jump]) -> Feed:
    """Prepare a round on simulated frames."""
    rate = round(PACE / SPEED)
    main = list(simulated(seed, "sim", frames, rate, start_us, dice))
    feed = Feed([], start_us, frames / rate, SPEED)
    _write_redundant(folder, f"{seed}-sim", "sim", main, feed, dice, jumps)
    count = round(OTHER_SHARE * frames)
    other = simulated(seed + 1_000_000, "binance_usdm", count, round(rate * OTHER_SHARE), start_us, dice)
    _write(folder / f"{seed}-binance_usdm.gz", "binance_usdm", other, feed)
    return feed


def from_captures(
    folder: Path, seed: int, paths: Sequence[Path], main: list[Frame], dice: Random, jumps: Sequence[Jump]
) -> Feed:
    """Prepare a round on captured frames; the simulated venue runs beside, at the same event times."""
    start_us = main[0].receive_us
    seconds = max((main[-1].receive_us - start_us) / 1e6, 1.0)
    feed = Feed([], start_us, seconds, min(SPEED, PACE * seconds / len(main)))
    venue = detect_venue(paths[0])
    _write_redundant(folder, f"{seed}-{venue}", venue, main, feed, dice, jumps)
    count = round(OTHER_SHARE * len(main))
    other = simulated(seed, "sim", count, max(1, round(count / seconds)), start_us, dice)
    _write(folder / f"{seed}-sim.gz", "sim", other, feed)
    return feed


def _write_redundant(
    folder: Path, name: str, venue: str, frames: list[Frame], feed: Feed, dice: Random, jumps: Sequence[Jump]
) -> None:
    """Write two files; each lacks its share of the frames, and the second one's clock jumps."""
    paths = [folder / f"{name}-{side}.gz" for side in "ab"]
    feed.files += [(venue, path) for path in paths]
    with ExitStack() as opened:
        first, second = (opened.enter_context(_create(path)) for path in paths)
        for n, frame in enumerate(frames):
            chance = dice.random()
            if chance >= MISSED:
                _line(first, venue, frame, feed)
            if not MISSED <= chance < 2 * MISSED:
                offset = sum(jump.offset_us for jump in jumps if jump.begin <= n / len(frames) < jump.end)
                feed.jumped += offset != 0
                _line(second, venue, frame._replace(receive_us=frame.receive_us + offset), feed)


def _write(path: Path, venue: str, frames: Iterator[Frame], feed: Feed) -> None:
    feed.files.append((venue, path))
    with _create(path) as file:
        for frame in frames:
            _line(file, venue, frame, feed)


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return cast("BinaryIO", gzip.open(path, "wb", 1))


def _line(file: BinaryIO, venue: str, frame: Frame, feed: Feed) -> None:
    file.write(b"%d000 %s\n" % (frame.receive_us, frame.payload))
    feed.records += 1
    feed.identities.add((venue, frame.channel, frame.event_id))
