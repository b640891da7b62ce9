"""Keyed Python over blocks: one call per shard and block instead of one per record.

A shard is what the topics have in their partitions of one number; a kernel folds each topic's part in log order, with
its state at hand. The JVM packs records into blocks and takes the kernel's reply apart (``connectors/blocks``): no
record is an object of Python's on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from py4j.java_gateway import JavaClass
from pyflink.common import Row, Types
from pyflink.common.typeinfo import TypeInformation
from pyflink.datastream import DataStream, KeyedProcessFunction, KeyedStream, RuntimeContext
from pyflink.datastream.state import ListState, ListStateDescriptor
from pyflink.java_gateway import get_gateway
from pyflink.table import Table

from flink_jobs import worker
from flink_jobs.halt import HALT, halting
from flink_jobs.runtime import Job
from udfs.blocks import Part, read
from udfs.quality import QualityStop

#: Bytes of deltas in a shard's state before a snapshot replaces them: this much, and as much as the last snapshot.
COMPACT_AFTER = 256 * 1024
#: Bytes at which a block is handed on. A subtask holds up to twice that for each partition number that it reads.
FULL_BYTES = 1024 * 1024
#: How long records wait for others while what follows is free, and while it was busy lately, ms.
LINGER_MS, PATIENCE_MS = 20, 100

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())


class Fold(Protocol):
    """A kernel that folds a topic's log, with a log-structured state (see ``udfs.normalize.Normalizer``)."""

    def delta(self) -> bytes: ...
    def snapshot(self) -> bytes: ...


#: (topic, its log of a snapshot and deltas) → fold. Raises ValueError for a state of a version that it does not know.
Restore = Callable[[str, Iterable[bytes]], Any]
#: (fold, a block's part of its topic) → what became of it.
Apply = Callable[[Any, Part], Any]
#: What became of a block's parts → the fields of the output; of none: fields that say nothing.
Emit = Callable[[list[Any]], tuple[Any, ...]]


class ShardFold(KeyedProcessFunction):
    """Run the folds of a shard's topics; their state is a list of deltas in keyed state, compacted at times.

    The fold objects themselves are a cache: a shard's keyed state is only ever used by one task between two restores,
    so it is read once and afterwards only appended to, in proportion to what is new. That is done at the marker that
    comes behind the last block before a checkpoint's barrier: in between, nobody reads it.
    """

    def __init__(self, restore: Restore, apply: Apply, emit: Emit) -> None:
        self._restore = restore
        self._apply = apply
        self._emit = emit
        self._code = worker.CODE

    def open(self, runtime_context: RuntimeContext) -> None:
        worker.demand(self._code)
        # Pickled, for in thread mode PyFlink 2.2.1 makes an array of objects of a list's bytes, which no checkpoint can
        # write, while the output looks right.
        self._log: ListState = runtime_context.get_list_state(ListStateDescriptor("log", Types.PICKLED_BYTE_ARRAY()))
        self._folds: dict[int, dict[str, Any]] = {}
        self._changed: dict[int, dict[str, Fold]] = {}
        self._due: dict[int, int] = {}

    def process_element(self, value: bytes, ctx: KeyedProcessFunction.Context) -> Iterable[Row]:  # noqa: ARG002
        block = read(value)
        if not block.parts:
            self._save(block.partition)
            return
        folds = self._folds.get(block.partition)
        if folds is None:
            folds = self._folds[block.partition] = self._restored()
            self._changed[block.partition] = {}
            self._due[block.partition] = COMPACT_AFTER
        outs = []
        for part in block.parts:
            fold = folds.get(part.topic)
            if fold is None:
                fold = folds[part.topic] = self._restore(part.topic, ())
            try:
                outs.append(self._apply(fold, part))
            except QualityStop as stop:
                # The state stays as the last checkpoint has it: none completes any more.
                yield Row(*self._emit([]), str(stop))
                return
            self._changed[block.partition][part.topic] = fold
        yield Row(*self._emit(outs), None)

    def _restored(self) -> dict[str, Any]:
        logs: dict[str, list[bytes]] = {}
        for entry in self._log.get() or ():
            topic, _, part = entry.partition(b"\0")
            logs.setdefault(topic.decode(), []).append(part)
        return {topic: self._restore(topic, log) for topic, log in logs.items()}

    def _save(self, partition: int) -> None:
        changed = self._changed.get(partition)
        if not changed:
            return
        if self._due[partition] <= 0:
            snapshot = [_entry(topic, fold.snapshot()) for topic, fold in self._folds[partition].items()]
            self._log.update(snapshot)
            self._due[partition] = max(COMPACT_AFTER, sum(map(len, snapshot)))
        else:
            deltas = [_entry(topic, fold.delta()) for topic, fold in changed.items()]
            self._log.add_all(deltas)
            self._due[partition] -= sum(map(len, deltas))
        changed.clear()


def _entry(topic: str, part: bytes) -> bytes:
    return topic.encode() + b"\0" + part


def fold_shards(
    job: Job,
    source: str,
    fold: ShardFold,
    output: dict[str, TypeInformation],
    *,
    uid: str,
    linger_ms: int = LINGER_MS,
) -> DataStream:
    """Fold ``source`` (a wire source) per shard; return rows of ``output``.

    Args:
        job: the job under construction.
        source: name of the wire source.
        fold: what is done to the blocks of a shard.
        output: the fields that it emits.
        uid: of the operators; with the mode that Python runs in, that of the state.
        linger_ms: how long records wait for others, if nothing is busy.
    """
    records = job.table.sql_query(f"SELECT `topic`, `partition`, `offset`, `timestamp`, `value` FROM {source}")
    linger, patience = map(job.settings.flink.patience_ms, (linger_ms, max(linger_ms, PATIENCE_MS)))
    packed = _blocks().packed(
        job.table._j_tenv, records._j_table, f"{uid}-pack", linger, patience, FULL_BYTES  # noqa: SLF001
    )  # fmt: skip
    kind = Types.ROW_NAMED([*output, HALT], [*output.values(), Types.STRING()])
    # The modes keep state in different forms: one must not begin without what the other has saved, but fail.
    folded = _key_by_shard(packed).process(fold, output_type=kind).uid(f"{uid}-{job.python_mode}").name(uid)
    return halting(folded, kind, len(output) + 1, f"{uid}-halt")


def unpacked(job: Job, folded: DataStream, position: int, view: str, *, uid: str) -> None:
    """Register the records of a field of replies as ``view``: topic, ts, k and v, as a wire sink takes them."""
    table = _blocks().unpacked(job.table._j_tenv, folded._j_data_stream, position, uid)  # noqa: SLF001
    job.table.create_temporary_view(view, Table(table, job.table))


def _key_by_shard(packed: Any) -> KeyedStream:
    """Key a Java stream of (shard, block) by its first field; what comes of it are the blocks.

    ``DataStream.key_by`` would send every block through Python once more only to compute the key that is there already;
    this is what it builds afterwards.
    """
    selector = get_gateway().jvm.KeyByKeySelector()  # imported by PyFlink's gateway
    keyed = packed.keyBy(selector, Types.ROW([Types.STRING()]).get_java_type_info())
    return KeyedStream(keyed, BYTES, DataStream(packed))


def _blocks() -> JavaClass:
    return get_gateway().jvm.io.polyglot.blocks.Blocks
