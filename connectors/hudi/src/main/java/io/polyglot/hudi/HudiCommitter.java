package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.hudi.common.model.HoodieAvroIndexedRecord;
import org.apache.hudi.common.model.HoodieKey;
import org.apache.hudi.common.model.HoodieRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes the rows of completed checkpoints by key. Runs again over the last ones after a restore, which changes nothing. */
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
        // What is pending is an attempt's that died while it committed; its rows come again.
        table.rollbackPending();
    }

    @Override
    public void commit(Collection<CommitRequest<HudiCommittable>> requests) throws IOException {
        for (var request : requests) {
            long start = System.nanoTime();
            var committable = request.getCommittable();
            table.upsert(records(committable));
            committedRows.inc(committable.count());
            lastCommitMillis = (System.nanoTime() - start) / 1_000_000;
            LOG.info("{}: committed in {} ms", spec.name(), lastCommitMillis);
        }
    }

    private ArrayList<HoodieRecord<Object>> records(HudiCommittable upsert) throws IOException {
        var in = new DataInputDeserializer(upsert.rows());
        var stored = EarlierRows.of(spec, upsert.columns());
        var result = new ArrayList<HoodieRecord<Object>>(upsert.count());
        for (int i = 0; i < upsert.count(); i++) {
            RowData row = stored == null ? serializer.deserialize(in) : stored.read(in);
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
