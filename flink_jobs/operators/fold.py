"""The operator that runs kernels over a shard's blocks: one call per block instead of one per record.

A shard is what the topics have in their partitions of one number; a kernel folds it in log order, with its state at
hand. The fold objects are a cache: a shard's keyed state is only ever used by one task between two restores, so it is
read once and afterwards only appended to, in proportion to what is new. That is done at the marker that comes behind
the last block before a checkpoint's barrier: in between, nobody reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext, TimeDomain
from pyflink.datastream.state import MapState, MapStateDescriptor

from flink_jobs import worker
from flink_jobs.fold_accounts import Counted, account
from schemas.versions import PARAMETER, Schedule, unpack
from udfs.quality import QualityStop
from udfs.state.operator import Journal
from udfs.wire.blocks import NO_WATERMARK, Part, Watermarks, read

#: How often open windows are published, ms; and how soon the rest follows if they are too many for one turn.
TICK_MS, SOON_MS = 2_000, 20
#: An event-time timer that Flink fires when a bounded input, or a job that is drained, has ended.
_END_MS = (1 << 63) - 2
#: Column of a row's account.
ACCOUNT = "account"
#: Between a fold's name and the number of an entry, in the key of the entry.
_SEPARATOR = "\0"


@dataclass(frozen=True)
class Ticks:
    """How a fold publishes open windows by the clock; both return what became of it, as ``Work.process``.

    ``tick`` is given the watermark (µs) and whether nothing came since the last tick; it returns whether the rest is to
    follow soon, too. ``close`` publishes everything, at the end of the input.
    """

    tick: Callable[[Any, int, bool], tuple[Counted, bool]]
    close: Callable[[Any], Counted]


@dataclass(frozen=True)
class Work:
    """What a job does with a shard's blocks.

    ``restore`` makes the fold of a name from the entries of its log, which may be of any of ``states``, the versions of
    its state, of which the last one is written; if the work is ``versioned``, it is given a ``schedule``, too, which
    says which versions of behaviour hold where. ``process`` folds one topic's part of a block, and is given the
    watermarks. ``emit`` makes the fields of an output row of all that became of a block; of nothing, fields that say
    nothing. ``counters`` are the names of what is counted. ``name`` is that of the fold that a topic belongs to.
    ``flush`` hands over what a fold has kept until the next checkpoint, or None. ``before`` says what is folded ahead
    of a topic's first part since the fold was made or restored: steps, each of which returns as ``process`` does.
    """

    restore: Callable[..., Any]
    process: Callable[[Any, Part, Watermarks], Counted]
    emit: Callable[[list[Any]], tuple[Any, ...]]
    states: tuple[int, ...]
    counters: tuple[str, ...]
    name: Callable[[str], str] = str
    flush: Callable[[Any], Any] | None = None
    ticks: Ticks | None = None
    before: Callable[[Any, Part], Iterable[Callable[[], Counted]]] | None = None
    versioned: bool = False


@dataclass(slots=True)
class _Shard:
    """A shard's folds by name, and their logs.

    ``timer`` is when the next tick is due, 0 for never; ``begun`` are the topics that it got something of.
    """

    folds: dict[str, Any]  # `udfs.state.operator.Operator`; those that tick have ``waiting`` as well
    journals: dict[str, Journal]
    changed: set[str] = field(default_factory=set)
    watermark: int = NO_WATERMARK
    timer: int = 0
    fed: bool = False  # since the last tick
    begun: set[str] = field(default_factory=set)


class ShardFold(KeyedProcessFunction):
    """Run the folds of a shard; the entries of their logs are kept in keyed state."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._code = worker.CODE

    def open(self, runtime_context: RuntimeContext) -> None:
        worker.demand(self._code)
        # Pickled, for in thread mode PyFlink 2.2.1 makes an array of objects of bytes in state, which no checkpoint can
        # write, while the output looks right.
        entry = Types.PICKLED_BYTE_ARRAY()
        self._log: MapState = runtime_context.get_map_state(MapStateDescriptor("log", Types.STRING(), entry))
        self._restore = self._work.restore
        if self._work.versioned:
            self._restore = partial(self._restore, schedule=_schedule(runtime_context))
        self._shards: dict[int, _Shard] = {}
        self._state_bytes = 0
        self._stopped = False

    def process_element(self, value: bytes, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        block = read(value)
        known = block.partition in self._shards
        shard = self._shard(block.partition)
        marks = Watermarks(shard.watermark, max(shard.watermark, block.watermark))
        shard.watermark = marks.now
        if not block.parts:
            yield from self._save(shard)
            return
        if self._work.ticks and not known:
            ctx.timer_service().register_event_time_timer(_END_MS)
        if self._work.before:
            yield from self._before(shard, block.parts)
        yield from self._row(shard, lambda: [self._process(shard, part, marks) for part in block.parts])
        shard.fed = True
        if self._work.ticks and not shard.timer and _waiting(shard):
            self._set_timer(shard, ctx, TICK_MS)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        ticks = self._work.ticks
        if ticks is None:
            return
        shard = self._shard(_partition(ctx.get_current_key()))
        folds = shard.folds.values()
        shard.changed.update(shard.folds)
        if ctx.time_domain() == TimeDomain.EVENT_TIME:
            yield from self._row(shard, lambda: [ticks.close(fold) for fold in folds])
            return
        more = False

        def tick() -> list[Counted]:
            nonlocal more
            ticked = [ticks.tick(fold, shard.watermark, not shard.fed) for fold in folds]
            more = any(rest for _, rest in ticked)
            return [out for out, _ in ticked]

        yield from self._row(shard, tick)
        shard.fed = shard.fed and more
        if shard.timer <= timestamp:  # else a restored timer has fired, and our own is still to come
            shard.timer = 0
            if more or _waiting(shard):
                self._set_timer(shard, ctx, SOON_MS if more else TICK_MS)

    def _before(self, shard: _Shard, parts: list[Part]) -> Iterator[Row]:
        """Fold what comes ahead of a topic's first part, a row for each step: it may be much."""
        for part in parts:
            if part.topic in shard.begun or self._work.before is None:
                continue
            shard.begun.add(part.topic)
            for step in self._work.before(self._fold(shard, part.topic), part):
                yield from self._row(shard, lambda step=step: [step()])  # type: ignore[misc]

    def _process(self, shard: _Shard, part: Part, marks: Watermarks) -> Counted:
        return self._work.process(self._fold(shard, part.topic), part, marks)

    def _fold(self, shard: _Shard, topic: str) -> Any:
        """Return the fold of a topic, which is about to change."""
        name = self._work.name(topic)
        if name not in shard.folds:
            shard.folds[name] = self._restore(name, ())
            shard.journals[name] = Journal()
        shard.changed.add(name)
        return shard.folds[name]

    def _row(self, shard: _Shard, outs: Callable[[], list[Counted]]) -> Iterator[Row]:
        """Yield what became of something; a stop is handed on, and the state stays as the last checkpoint has it."""
        try:
            made = outs()
            yield Row(*self._work.emit([one.out for one in made]), self._account(shard, made), None)
        except QualityStop as stop:
            self._stopped = True
            yield Row(*self._work.emit([]), None, str(stop))

    def _account(self, shard: _Shard, made: list[Counted]) -> bytes:
        return account(self._work.counters, made, self._state_bytes, shard.watermark)

    def _set_timer(self, shard: _Shard, ctx: KeyedProcessFunction.Context, wait_ms: int) -> None:
        service = ctx.timer_service()
        shard.timer = service.current_processing_time() + wait_ms
        service.register_processing_time_timer(shard.timer)

    def _shard(self, partition: int) -> _Shard:
        """Return a shard, whose key is the current one; restored, if it is not known yet."""
        shard = self._shards.get(partition)
        if shard is None:
            logs: dict[str, dict[int, bytes]] = {}
            for key, entry in self._log.items():
                name, _, number = key.rpartition(_SEPARATOR)
                logs.setdefault(name, {})[int(number)] = entry
            shard = self._shards[partition] = _Shard({}, {})
            for name, log in logs.items():
                entries = sorted(log.items())
                shard.folds[name] = self._restore(name, [entry for _, entry in entries])
                shard.journals[name] = Journal(entries)
                self._state_bytes += shard.journals[name].kept_bytes
        return shard

    def _save(self, shard: _Shard) -> Iterator[Row]:
        """Keep what changed; hand over what was kept back for this moment, and how much state there is now."""
        if self._stopped:
            return
        changed = sorted(shard.changed)
        for name in changed:
            journal = shard.journals[name]
            self._state_bytes -= journal.kept_bytes
            flushed = journal.flush(shard.folds[name])
            self._state_bytes += journal.kept_bytes
            for number, entry in flushed.entries:
                self._log.put(f"{name}{_SEPARATOR}{number}", entry)
            for number in flushed.dropped:
                self._log.remove(f"{name}{_SEPARATOR}{number}")
        shard.changed.clear()
        if changed:
            flush = self._work.flush or _nothing
            outs = [out for name in changed if (out := flush(shard.folds[name])) is not None]
            yield Row(*self._work.emit(outs), self._account(shard, []), None)


def _nothing(fold: Any) -> None:
    """Hand over what a fold keeps that keeps nothing back."""


def _schedule(context: RuntimeContext) -> Schedule:
    """Return which versions hold, as the job was told when it was submitted.

    Raises:
        RuntimeError: it was not told.
    """
    # In thread mode PyFlink 2.2.1 hands over two parameters of its own alone; the JVM's context has the job's.
    java = getattr(context, "_runtime_context", None)
    parameter = (
        context.get_job_parameter(PARAMETER, "") if java is None else java.getGlobalJobParameters().get(PARAMETER)
    )
    if not parameter:
        raise RuntimeError("the job was submitted without saying which versions of behaviour hold")
    return Schedule.of_text(unpack(str(parameter)))


def _waiting(shard: _Shard) -> bool:
    """Tell whether a fold that ticks has something to publish."""
    return any(fold.waiting for fold in shard.folds.values())


def _partition(key: Any) -> int:
    """Return the partition number of a shard's key (``ShardKeys`` in ``connectors/blocks``)."""
    return int(str(key[0]).partition("/")[0])
