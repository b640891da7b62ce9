package io.polyglot.hudi;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.StatefulSinkWriter;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.SupportsWriterState;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.table.data.RowData;

/** Exactly-once sink: rows become visible when their checkpoint completes. */
final class HudiSink
        implements Sink<RowData>, SupportsCommitter<HudiCommittable>, SupportsWriterState<RowData, HudiWriter.HandedOver> {
    private static final long serialVersionUID = 1L;

    private final TableSpec spec;

    HudiSink(TableSpec spec) {
        this.spec = spec;
    }

    @Override
    public HudiWriter createWriter(WriterInitContext context) throws IOException {
        return writer(context, List.of());
    }

    @Override
    public StatefulSinkWriter<RowData, HudiWriter.HandedOver> restoreWriter(
            WriterInitContext context, Collection<HudiWriter.HandedOver> state) throws IOException {
        return writer(context, state.stream().flatMap(s -> s.instants().stream()).toList());
    }

    private HudiWriter writer(WriterInitContext context, Collection<String> handedOver) throws IOException {
        giveWay();
        return spec.isUpsert()
                ? new UpsertWriter(spec, context.metricGroup())
                : new AppendWriter(spec, handedOver, context.metricGroup());
    }

    @Override
    public Committer<HudiCommittable> createCommitter(CommitterInitContext context) throws IOException {
        giveWay();
        return new HudiCommitter(spec, context.metricGroup());
    }

    /**
     * Lets the task that writes or commits yield the processor to those with records on their way: a lake shows nothing
     * before its next commit anyway. Effective where the JVM was told to pass priorities on (-XX:ThreadPriorityPolicy=1).
     */
    static void giveWay() {
        Thread.currentThread().setPriority(Thread.MIN_PRIORITY);
    }

    @Override
    public SimpleVersionedSerializer<HudiCommittable> getCommittableSerializer() {
        return new Serializers.Committables();
    }

    @Override
    public SimpleVersionedSerializer<HudiWriter.HandedOver> getWriterStateSerializer() {
        return new Serializers.State();
    }
}
