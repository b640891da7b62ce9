package io.polyglot.hudi;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.flink.streaming.api.connector.sink2.CommittableMessage;
import org.apache.flink.streaming.api.connector.sink2.CommittableSummary;
import org.apache.flink.streaming.api.connector.sink2.CommittableWithLineage;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Makes one committable of what all writers have staged for a checkpoint. They hand theirs over before the barrier, and
 * it goes on before the barrier, so there is nothing to keep.
 */
final class OneCommit extends AbstractStreamOperator<CommittableMessage<StagedBatch>>
        implements OneInputStreamOperator<CommittableMessage<StagedFile>, CommittableMessage<StagedBatch>> {
    private static final long serialVersionUID = 1L;

    private transient List<StagedFile> files;
    private transient long checkpoint;

    @Override
    public void open() {
        files = new ArrayList<>();
    }

    @Override
    public void processElement(StreamRecord<CommittableMessage<StagedFile>> element) {
        checkpoint = element.getValue().getCheckpointId();
        if (element.getValue() instanceof CommittableWithLineage<StagedFile> staged) {
            files.add(staged.getCommittable());
        }
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpoint) {
        handOn(checkpoint);
    }

    /** A bounded input ends without a barrier behind what the writers hand over last. */
    @Override
    public void finish() {
        handOn(checkpoint);
    }

    private void handOn(long checkpoint) {
        if (files.isEmpty()) {
            return;
        }
        var batch = new StagedBatch(UUID.randomUUID().toString(), checkpoint, List.copyOf(files));
        output.collect(new StreamRecord<>(new CommittableSummary<>(0, 1, checkpoint, 1, 0)));
        output.collect(new StreamRecord<>(new CommittableWithLineage<>(batch, checkpoint, 0)));
        files.clear();
    }
}
