"""From records to blocks, through a fold, and back: no record is an object of Python's on its way.

The JVM packs records into blocks and takes the kernel's reply apart (``connectors/blocks``). Names are uids as well.
"""

from __future__ import annotations

from typing import Any

from py4j.java_gateway import JavaClass
from pyflink.common import Types
from pyflink.common.typeinfo import TypeInformation
from pyflink.datastream import DataStream, KeyedStream
from pyflink.java_gateway import get_gateway

from flink_jobs.environment import Job
from flink_jobs.halt import HALT, halting
from flink_jobs.operators.fold import ACCOUNT, ShardFold, Work

#: Bytes at which a block is handed on. A subtask holds up to twice that for each partition number that it reads.
FULL_BYTES = 1024 * 1024
#: How long records wait for others while what follows is free, and while it was busy lately, ms.
LINGER_MS, PATIENCE_MS = 20, 100

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())


def fold_shards(
    job: Job,
    records: Any,
    work: Work,
    output: dict[str, TypeInformation],
    *,
    name: str,
    linger_ms: int = LINGER_MS,
) -> DataStream:
    """Fold records per shard; return rows of ``output``.

    Args:
        job: the job under construction.
        records: the JVM's stream of them, see ``io.topics.read``.
        work: what is done with the blocks of a shard.
        output: the fields that it emits.
        name: of the operator, and with the mode that Python runs in, the uid of its state.
        linger_ms: how long records wait for others, if nothing is busy.
    """
    linger, patience = map(job.settings.flink.patience_ms, (linger_ms, max(linger_ms, PATIENCE_MS)))
    packed = _blocks().packed(records, f"{name}: blocks", linger, patience, FULL_BYTES)
    kind = Types.ROW_NAMED([*output, ACCOUNT, HALT], [*output.values(), BYTES, Types.STRING()])
    # The modes keep state in different forms: one must not begin without what the other has saved, but fail.
    folded = _key_by_shard(packed).process(ShardFold(work), output_type=kind)
    uid = f"{name} ({job.python_mode})"
    job.states[uid] = work.states
    rows, form = folded.uid(uid).name(name)._j_data_stream, kind.get_java_type_info()  # noqa: SLF001
    counted = _blocks().accounted(rows, form, len(output), name, list(work.counters), work.ticks is not None)
    return halting(DataStream(counted), kind, len(output) + 2, f"{name}: halt")


def unpacked(folded: DataStream, position: int, *, name: str) -> Any:
    """Return the records of a field of replies, as the JVM's stream that ``io.topics.write`` takes."""
    return _blocks().unpacked(folded._j_data_stream, position, name)  # noqa: SLF001


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
