"""The simulator as a source: frames in the order they are received, and the manifest of what they must become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from collectors.block import Block
from collectors.sim.frames import CHANNELS, COPY, FAULT_NAMES, FIRST_FAULT, GOOD, FrameMaker, Rows
from collectors.sim.manifest import Manifest
from collectors.sim.spec import VENUE, SimSpec


class Simulator:
    """The first ``count`` frames of a spec.

    With ``parts`` > 1 only the entities of one part are yielded, under the same ``seq`` as in the whole: the parts,
    fed by as many processes, give the same records as one. The manifest always counts the whole.
    """

    venue = VENUE

    def __init__(self, spec: SimSpec, count: int, *, part: int = 0, parts: int = 1) -> None:
        self.spec = spec
        self.count = count
        self.manifest = Manifest(spec)
        self._part, self._parts = part, parts

    @property
    def source_id(self) -> str:
        """The same for every count: a longer run begins with the same records."""
        return self.spec.source_id

    def blocks(self, after_seq: int) -> Iterator[Block]:
        """Yield the frames behind ``after_seq``; the manifest is complete when they are exhausted."""
        self.manifest = Manifest(self.spec)
        seq = 0
        for rows in self._received():
            part = rows.take(slice(0, self.count - seq)) if seq + len(rows) > self.count else rows
            _note(self.manifest, part)
            numbers = np.arange(seq + 1, seq + len(part) + 1)
            seq += len(part)
            mine = part.owned & (numbers > after_seq)
            if mine.any():
                yield _block(numbers[mine], part.take(mine))
            if seq >= self.count:
                return

    def _received(self) -> Iterator[Rows]:
        """Yield frames sorted by receive time: a block waits until nothing can be received before its end any more."""
        maker = FrameMaker(self.spec, self._part, self._parts)
        waiting: list[Rows] = []
        while True:
            rows, settled = maker.next()
            waiting.append(rows)
            everything = Rows.join(waiting)
            order = np.argsort(everything.receive_us, kind="stable")
            cut = int(np.searchsorted(everything.receive_us[order], settled))
            if cut:
                yield everything.take(order[:cut])
            # Back into order of generation: ties of receive time are broken by it.
            waiting = [everything.take(np.sort(order[cut:]))]


def _block(numbers: npt.NDArray[np.int64], rows: Rows) -> Block:
    return Block(
        seq=numbers.tolist(),
        receive_us=rows.receive_us.tolist(),
        payload=rows.payload.tolist(),
        entity_id=rows.entity_id.tolist(),
        channel=[CHANNELS[i] for i in rows.channel.tolist()],
        event_id=rows.event_id.tolist(),
        event_time=rows.event_time.tolist(),
    )


def _note(manifest: Manifest, rows: Rows) -> None:
    """Count rows into the manifest."""
    if not len(rows):
        return

    def per_channel(mask: npt.NDArray[np.bool_]) -> Counter[str]:
        counts = np.bincount(rows.channel[mask], minlength=len(CHANNELS)).tolist()
        return Counter({name: n for name, n in zip(CHANNELS, counts, strict=True) if n})

    copies = rows.code == COPY
    manifest.first_receive_us = manifest.first_receive_us or int(rows.receive_us[0])
    manifest.last_receive_us = int(rows.receive_us[-1])
    manifest.frames += len(rows)
    manifest.duplicates += int(copies.sum())
    manifest.good.update(per_channel(rows.code == GOOD))
    manifest.topics.update(per_channel(np.ones(len(rows), dtype=np.bool_)))
    manifest.unique_topics.update(per_channel(~copies))
    for code in rows.code[rows.code >= FIRST_FAULT].tolist():
        manifest.faults[FAULT_NAMES[code - FIRST_FAULT]] += 1
