package io.polyglot.hudi;

import java.io.IOException;
import java.util.Collection;
import java.util.Set;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.CommittingSinkWriter;
import org.apache.flink.api.connector.sink2.InitContext;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessageTypeInfo;
import org.apache.flink.streaming.api.connector.sink2.SupportsPreCommitTopology;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.types.Row;

/**
 * Exactly-once sink of complete Parquet files: as many writers as there are tasks stage them, one committer makes one
 * commit of each checkpoint's files.
 */
final class FilesSink
        implements Sink<Row>, SupportsCommitter<StagedBatch>, SupportsPreCommitTopology<StagedFile, StagedBatch> {
    private static final long serialVersionUID = 1L;

    private final TableSpec spec;
    private final int position;
    private final Set<String> former;

    /**
     * @param position of the files in the rows
     * @param former ids of the job's runs before this one, see {@link FilesCommitter.Run}
     */
    FilesSink(TableSpec spec, int position, Set<String> former) {
        this.spec = spec;
        this.position = position;
        this.former = former;
    }

    @Override
    public CommittingSinkWriter<Row, StagedFile> createWriter(WriterInitContext context) throws IOException {
        HudiSink.giveWay();
        return new FilesWriter(spec, position, context.metricGroup());
    }

    @Override
    public DataStream<CommittableMessage<StagedBatch>> addPreCommitTopology(DataStream<CommittableMessage<StagedFile>> staged) {
        return staged.global()
                .transform("one commit", CommittableMessageTypeInfo.of(Serializers.Batches::new), new OneCommit())
                // Flink puts the sink's own uid before it, and asks for one.
                .uid("one-commit")
                .setParallelism(1)
                .setMaxParallelism(1)
                .global();
    }

    /** One of them gets all; the others, where the sink is wider than one, have nothing to do and touch nothing. */
    @Override
    public Committer<StagedBatch> createCommitter(CommitterInitContext context) throws IOException {
        if (context.getTaskInfo().getIndexOfThisSubtask() > 0) {
            return new Idle();
        }
        HudiSink.giveWay();
        var restored = context.getRestoredCheckpointId().orElse(InitContext.INITIAL_CHECKPOINT_ID - 1);
        var run = new FilesCommitter.Run(context.getJobInfo().getJobId().toHexString(), restored, former);
        return new FilesCommitter(spec, run, context.metricGroup());
    }

    @Override
    public SimpleVersionedSerializer<StagedBatch> getCommittableSerializer() {
        return new Serializers.Batches();
    }

    @Override
    public SimpleVersionedSerializer<StagedFile> getWriteResultSerializer() {
        return new Serializers.Staged();
    }

    private static final class Idle implements Committer<StagedBatch> {
        @Override
        public void commit(Collection<CommitRequest<StagedBatch>> requests) {
            if (!requests.isEmpty()) {
                throw new IllegalStateException("all that is to be committed goes to the first committer");
            }
        }

        @Override
        public void close() {}
    }
}
