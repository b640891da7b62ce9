package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.apache.flink.core.io.SimpleVersionedSerialization;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.types.Row;

/**
 * One attempt of a job with two writers of files, reduced to the calls that Flink makes on the sink, so that a test
 * decides between which two of them the attempt dies. What a checkpoint holds goes through its serializers.
 */
final class FilesRun implements AutoCloseable {
    /** What a checkpoint stores: its number, and the batches not yet known committed. */
    record Checkpoint(long number, List<byte[]> batches) {
        static final Checkpoint NONE = new Checkpoint(0, List.of());
    }

    private final FilesWriter[] writers = new FilesWriter[2];
    private final FilesCommitter committer;
    private final List<byte[]> waiting = new ArrayList<>();
    private long number;
    private int alreadyCommitted;

    /** Starts from a checkpoint: like Flink, commits what it holds. What former runs committed behind it goes. */
    FilesRun(TableSpec spec, Checkpoint from, String job, Set<String> former) throws IOException {
        var run = new FilesCommitter.Run(job, from.number, former);
        committer = new FilesCommitter(spec, run, UnregisteredMetricsGroup.createOperatorMetricGroup());
        waiting.addAll(from.batches);
        number = from.number;
        complete();
        for (int i = 0; i < writers.length; i++) {
            writers[i] = new FilesWriter(spec, 0, UnregisteredMetricsGroup.createSinkWriterMetricGroup());
        }
    }

    FilesRun(TableSpec spec, Checkpoint from) throws IOException {
        this(spec, from, "a job", Set.of());
    }

    FilesRun(TableSpec spec) throws IOException {
        this(spec, Checkpoint.NONE);
    }

    FilesRun write(int writer, LakeFile... files) throws IOException {
        writers[writer].write(Row.of((Object) LakeFiles.frame(files)), null);
        return this;
    }

    /** A barrier passes; nothing is committed yet. */
    Checkpoint barrier() throws IOException {
        number++;
        var staged = new ArrayList<StagedFile>();
        for (var writer : writers) {
            for (var file : writer.prepareCommit()) {
                staged.add(copy(file));
            }
        }
        if (!staged.isEmpty()) {
            var batch = new StagedBatch(UUID.randomUUID().toString(), number, staged);
            waiting.add(SimpleVersionedSerialization.writeVersionAndSerialize(new Serializers.Batches(), batch));
        }
        return new Checkpoint(number, List.copyOf(waiting));
    }

    private static StagedFile copy(StagedFile file) throws IOException {
        var form = new Serializers.Staged();
        return SimpleVersionedSerialization.readVersionAndDeSerialize(form, SimpleVersionedSerialization.writeVersionAndSerialize(form, file));
    }

    /** The checkpoint is complete. */
    void complete() throws IOException {
        for (var bytes : waiting) {
            committer.commit(List.of(new Request<>(
                    SimpleVersionedSerialization.readVersionAndDeSerialize(new Serializers.Batches(), bytes),
                    () -> alreadyCommitted++)));
        }
        waiting.clear();
    }

    /** How many batches were found committed by an earlier attempt. */
    int alreadyCommitted() {
        return alreadyCommitted;
    }

    @Override
    public void close() {
        committer.close();
    }
}
