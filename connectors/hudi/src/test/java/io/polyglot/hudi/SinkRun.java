package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.io.SimpleVersionedSerialization;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.table.data.RowData;

/**
 * One attempt of a job, reduced to the calls that Flink makes on the sink, so that a test decides between which two of
 * them the attempt dies. Committables go through their serializers as in a checkpoint.
 */
final class SinkRun implements AutoCloseable {
    /** What a checkpoint stores: all committables not yet known committed. */
    record Checkpoint(List<byte[]> committables) {
        static final Checkpoint NONE = new Checkpoint(List.of());
    }

    private final UpsertWriter writer;
    private final HudiCommitter committer;
    private final List<byte[]> waiting = new ArrayList<>();

    /** Starts from a checkpoint: like Flink, commits its committables. */
    SinkRun(TableSpec spec, Checkpoint from) throws IOException {
        committer = new HudiCommitter(spec, UnregisteredMetricsGroup.createOperatorMetricGroup());
        writer = new UpsertWriter(spec, UnregisteredMetricsGroup.createSinkWriterMetricGroup());
        waiting.addAll(from.committables);
        complete();
    }

    SinkRun(TableSpec spec) throws IOException {
        this(spec, Checkpoint.NONE);
    }

    SinkRun write(List<RowData> rows) throws IOException, InterruptedException {
        for (var row : rows) {
            writer.write(row, null);
        }
        return this;
    }

    /** A barrier passes; nothing is committed yet. */
    Checkpoint barrier() throws IOException, InterruptedException {
        for (var committable : writer.prepareCommit()) {
            waiting.add(SimpleVersionedSerialization.writeVersionAndSerialize(new Serializers.Committables(), committable));
        }
        return new Checkpoint(List.copyOf(waiting));
    }

    /** The checkpoint is complete. */
    void complete() throws IOException {
        for (var bytes : waiting) {
            committer.commit(List.of(new Request<>(
                    SimpleVersionedSerialization.readVersionAndDeSerialize(new Serializers.Committables(), bytes),
                    () -> { throw new AssertionError("an upsert is made again"); })));
        }
        waiting.clear();
    }

    @Override
    public void close() throws Exception {
        writer.close();
        committer.close();
    }
}
