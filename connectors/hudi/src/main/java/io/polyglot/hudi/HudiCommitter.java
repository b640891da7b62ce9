package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.hudi.common.model.HoodieAvroIndexedRecord;
import org.apache.hudi.common.model.HoodieKey;
import org.apache.hudi.common.model.HoodieRecord;
import org.apache.hudi.common.model.HoodieWriteStat;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the rows of completed checkpoints visible, once each. Runs again over the last ones after a restore. */
final class HudiCommitter implements Committer<HudiCommittable> {
    private static final Logger LOG = LoggerFactory.getLogger(HudiCommitter.class);

    private final TableSpec spec;
    private final RowCodec codec;
    private final RowKeys keys;
    private final RowDataSerializer serializer;
    private final HudiTable table;
    private final Counter committedRows;
    private volatile long lastCommitMillis;

    HudiCommitter(TableSpec spec, MetricGroup metrics) throws IOException {
        this.spec = spec;
        this.codec = RowCodec.of(spec);
        this.keys = RowKeys.of(spec);
        this.serializer = new RowDataSerializer(spec.rowType());
        this.table = HudiTable.open(spec, codec);
        this.committedRows = metrics.counter("committedRows");
        metrics.gauge("lastCommitMillis", () -> lastCommitMillis);
    }

    @Override
    public void commit(Collection<CommitRequest<HudiCommittable>> requests) throws IOException {
        for (var request : requests) {
            long start = System.nanoTime();
            var committable = request.getCommittable();
            if (committable instanceof HudiCommittable.Append append) {
                commitAppend(append, request);
            } else if (committable instanceof HudiCommittable.Upsert upsert) {
                table.upsert(records(upsert));
                committedRows.inc(upsert.count());
            }
            lastCommitMillis = (System.nanoTime() - start) / 1_000_000;
            LOG.info("{}: committed in {} ms", spec.name(), lastCommitMillis);
        }
    }

    private void commitAppend(HudiCommittable.Append append, CommitRequest<?> request) {
        switch (table.state(append.instant())) {
            case COMPLETED -> request.signalAlreadyCommitted();
            case PENDING -> {
                table.commitAppend(append.instant(), append.files());
                committedRows.inc(append.files().stream().mapToLong(HoodieWriteStat::getNumInserts).sum());
            }
            // Committing nothing would lose rows that the source will not send again.
            case MISSING -> throw new IllegalStateException("instant " + append.instant() + " of " + spec.path()
                    + " is gone from the timeline: another writer rolled it back, or the table was replaced. Its "
                    + append.files().size() + " files hold rows that this job counts as written; restore an older "
                    + "checkpoint or repair the table");
        }
    }

    private ArrayList<HoodieRecord<Object>> records(HudiCommittable.Upsert upsert) throws IOException {
        var in = new DataInputDeserializer(upsert.rows());
        var result = new ArrayList<HoodieRecord<Object>>(upsert.count());
        for (int i = 0; i < upsert.count(); i++) {
            var row = serializer.deserialize(in);
            var key = new HoodieKey(keys.recordKey(row), keys.partitionPath(row));
            HoodieRecord<?> record = new HoodieAvroIndexedRecord(key, codec.toAvro(row), keys.ordering(row));
            @SuppressWarnings("unchecked")
            var typed = (HoodieRecord<Object>) record;
            result.add(typed);
        }
        return result;
    }

    @Override
    public void close() {
        table.close();
    }
}
