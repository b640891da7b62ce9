package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.connector.sink2.Committer.CommitRequest;
import org.apache.flink.core.io.SimpleVersionedSerialization;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.table.data.RowData;

/**
 * One attempt of a job, reduced to the calls that Flink makes on the sink, so that a test decides between which two of
 * them the attempt dies. State and committables go through their serializers as in a checkpoint.
 */
final class SinkRun implements AutoCloseable {
    /** What a checkpoint stores: writer state and all committables not yet known committed. */
    record Checkpoint(List<byte[]> state, List<byte[]> committables) {
        static final Checkpoint NONE = new Checkpoint(List.of(), List.of());
    }

    private final HudiWriter writer;
    private final HudiCommitter committer;
    private final List<byte[]> waiting = new ArrayList<>();
    private int alreadyCommitted;

    /** Starts from a checkpoint: like Flink, commits its committables; {@code writerFirst} when the two are not chained. */
    SinkRun(TableSpec spec, Checkpoint from, boolean writerFirst) throws IOException {
        committer = new HudiCommitter(spec, UnregisteredMetricsGroup.createOperatorMetricGroup());
        waiting.addAll(from.committables);
        if (!writerFirst) {
            complete();
        }
        writer = writer(spec, from);
        if (writerFirst) {
            complete();
        }
    }

    SinkRun(TableSpec spec) throws IOException {
        this(spec, Checkpoint.NONE, false);
    }

    private static HudiWriter writer(TableSpec spec, Checkpoint from) throws IOException {
        var handedOver = new ArrayList<String>();
        for (var bytes : from.state) {
            handedOver.addAll(SimpleVersionedSerialization.readVersionAndDeSerialize(new Serializers.State(), bytes).instants());
        }
        var metrics = UnregisteredMetricsGroup.createSinkWriterMetricGroup();
        return spec.isUpsert() ? new UpsertWriter(spec, metrics) : new AppendWriter(spec, handedOver, metrics);
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
        var state = new ArrayList<byte[]>();
        for (var part : writer.snapshotState(1)) {
            state.add(SimpleVersionedSerialization.writeVersionAndSerialize(new Serializers.State(), part));
        }
        return new Checkpoint(state, List.copyOf(waiting));
    }

    /** The checkpoint is complete. */
    void complete() throws IOException {
        for (var bytes : waiting) {
            committer.commit(List.of(new Request(
                    SimpleVersionedSerialization.readVersionAndDeSerialize(new Serializers.Committables(), bytes))));
        }
        waiting.clear();
    }

    /** How many committables were found committed by an earlier attempt. */
    int alreadyCommitted() {
        return alreadyCommitted;
    }

    @Override
    public void close() throws Exception {
        writer.close();
        committer.close();
    }

    private final class Request implements CommitRequest<HudiCommittable> {
        private final HudiCommittable committable;

        Request(HudiCommittable committable) {
            this.committable = committable;
        }

        @Override
        public HudiCommittable getCommittable() {
            return committable;
        }

        @Override
        public int getNumberOfRetries() {
            return 0;
        }

        @Override
        public void signalFailedWithKnownReason(Throwable t) {
            throw new AssertionError(t);
        }

        @Override
        public void signalFailedWithUnknownReason(Throwable t) {
            throw new AssertionError(t);
        }

        @Override
        public void retryLater() {
            throw new AssertionError("the committer never asks for a retry");
        }

        @Override
        public void updateAndRetryLater(HudiCommittable next) {
            throw new AssertionError("the committer never asks for a retry");
        }

        @Override
        public void signalAlreadyCommitted() {
            alreadyCommitted++;
        }
    }
}
