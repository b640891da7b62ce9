package io.polyglot.hudi;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.table.data.RowData;
import org.apache.hudi.common.model.HoodieWriteStat;
import org.apache.hudi.table.HoodieTable;

/**
 * Appends rows to one open file per partition, so that a commit has few files without sorting or holding the rows.
 * The files belong to an instant that begins with the first row after a barrier; at the next barrier they are closed
 * and handed over. Several instants may wait for their checkpoints at the same time.
 */
final class AppendWriter implements HudiWriter {
    private final TableSpec spec;
    private final RowCodec codec;
    private final RowKeys keys;
    private final HudiTable table;
    private final SinkWriterMetricGroup metrics;
    /** Partition path to file, longest unused first. */
    private final LinkedHashMap<String, AppendFile> open = new LinkedHashMap<>(16, 0.75f, true);
    private final List<HoodieWriteStat> finished = new ArrayList<>();
    /** Instants handed over and not yet seen completed: a restore must not roll them back. */
    private final List<String> handedOver;
    private HoodieTable<?, ?, ?, ?> instantTable;
    private String instant;
    private long sequence;

    AppendWriter(TableSpec spec, Collection<String> handedOver, SinkWriterMetricGroup metrics) throws IOException {
        this.spec = spec;
        this.codec = RowCodec.of(spec);
        this.keys = RowKeys.of(spec);
        this.table = HudiTable.open(spec, codec);
        this.metrics = metrics;
        this.handedOver = new ArrayList<>(handedOver);
        metrics.gauge("openFiles", open::size);
        metrics.gauge("pendingCommits", this.handedOver::size);
        table.rollbackOrphans(Set.copyOf(handedOver));
    }

    @Override
    public void write(RowData row, Context context) throws IOException {
        file(keys.partitionPath(row)).append(row, sequence++, keys.hasKey() ? keys.recordKey(row) : null);
        metrics.getNumRecordsSendCounter().inc();
    }

    private AppendFile file(String partition) {
        var file = open.get(partition);
        if (file != null && file.hasRoom()) {
            return file;
        }
        if (file != null) {
            finish(partition);
        } else if (open.size() >= spec.maxOpenFiles()) {
            finish(open.keySet().iterator().next());
        }
        if (instant == null) {
            instant = table.startAppend();
            instantTable = table.forWriting();
            sequence = 0;
        }
        file = new AppendFile(table.config(), instant, instantTable, partition, codec);
        open.put(partition, file);
        return file;
    }

    private void finish(String partition) {
        var stat = open.remove(partition).finish();
        finished.add(stat);
        metrics.getNumBytesSendCounter().inc(stat.getTotalWriteBytes());
    }

    @Override
    public Collection<HudiCommittable> prepareCommit() {
        if (instant == null) {
            return List.of();
        }
        List.copyOf(open.keySet()).forEach(this::finish);
        var result = new HudiCommittable.Append(instant, List.copyOf(finished));
        handedOver.add(instant);
        finished.clear();
        instant = null;
        return List.of(result);
    }

    @Override
    public List<HandedOver> snapshotState(long checkpointId) {
        if (!handedOver.isEmpty()) {
            var states = table.states(handedOver);
            handedOver.removeIf(i -> states.get(i) == HudiTable.State.COMPLETED);
        }
        return handedOver.isEmpty() ? List.of() : List.of(new HandedOver(List.copyOf(handedOver)));
    }

    @Override
    public void flush(boolean endOfInput) {}

    @Override
    public void close() {
        open.values().forEach(AppendFile::close);
        table.close();
    }
}
