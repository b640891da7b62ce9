package io.polyglot.hudi;

import java.io.IOException;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.CommittingSinkWriter;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.table.data.RowData;

/** Exactly-once sink by key: rows become visible when their checkpoint completes. */
final class HudiSink implements Sink<RowData>, SupportsCommitter<HudiCommittable> {
    private static final long serialVersionUID = 1L;

    private final TableSpec spec;

    HudiSink(TableSpec spec) {
        this.spec = spec;
    }

    @Override
    public CommittingSinkWriter<RowData, HudiCommittable> createWriter(WriterInitContext context) {
        giveWay();
        return new UpsertWriter(spec, context.metricGroup());
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
}
