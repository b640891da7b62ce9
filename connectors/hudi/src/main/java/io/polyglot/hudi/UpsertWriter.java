package io.polyglot.hudi;

import java.io.IOException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.connector.sink2.CommittingSinkWriter;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.flink.types.RowKind;
import org.apache.hudi.common.model.HoodieKey;

/**
 * Keeps the winning row per key until the barrier, then hands the rows themselves to the committer: the index lookup
 * of an upsert must see the commit before it, and that one is only made once its checkpoint is complete. The rows are
 * thus part of the checkpoint, and a crash at any point only means that the same upsert is made again.
 */
final class UpsertWriter implements CommittingSinkWriter<RowData, HudiCommittable> {
    private record Held(RowData row, Comparable<Object> ordering) {}

    private final List<String> columns;
    private final RowKeys keys;
    private final RowDataSerializer serializer;
    private final SinkWriterMetricGroup metrics;
    private final Map<HoodieKey, Held> held = new LinkedHashMap<>();

    UpsertWriter(TableSpec spec, SinkWriterMetricGroup metrics) {
        this.columns = spec.rowType().getFieldNames();
        this.keys = RowKeys.of(spec);
        this.serializer = new RowDataSerializer(spec.rowType());
        this.metrics = metrics;
        metrics.gauge("heldRows", held::size);
    }

    @Override
    @SuppressWarnings("unchecked")
    public void write(RowData row, Context context) {
        if (row.getRowKind() == RowKind.UPDATE_BEFORE) {
            return;
        }
        if (row.getRowKind() == RowKind.DELETE) {
            throw new IllegalArgumentException("the hudi sink takes no deletes; write a row with a higher version instead");
        }
        var key = new HoodieKey(keys.recordKey(row), keys.partitionPath(row));
        var ordering = (Comparable<Object>) keys.ordering(row);
        var before = held.get(key);
        if (before == null || before.ordering.compareTo(ordering) <= 0) {
            held.put(key, new Held(serializer.copy(row), ordering));
        }
        metrics.getNumRecordsSendCounter().inc();
    }

    @Override
    public Collection<HudiCommittable> prepareCommit() throws IOException {
        if (held.isEmpty()) {
            return List.of();
        }
        var out = new DataOutputSerializer(1 << 16);
        for (var value : held.values()) {
            serializer.serialize(value.row, out);
        }
        var result = new HudiCommittable(columns, held.size(), out.getCopyOfBuffer());
        metrics.getNumBytesSendCounter().inc(out.length());
        held.clear();
        return List.of(result);
    }

    @Override
    public void flush(boolean endOfInput) {}

    @Override
    public void close() {}
}
