package io.polyglot.hudi;

import java.util.Map;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.SinkV2Provider;
import org.apache.flink.table.connector.sink.abilities.SupportsPartitioning;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.RowKind;

/** The planner's view of the sink: what changes it takes and how wide it runs. */
final class HudiTableSink implements DynamicTableSink, SupportsPartitioning {
    private final TableSpec spec;
    private final Sink<RowData> sink;
    private final Integer parallelism;

    /** @param parallelism of the writers; null: that of what is before them */
    HudiTableSink(TableSpec spec, Sink<RowData> sink, Integer parallelism) {
        this.spec = spec;
        this.sink = sink;
        this.parallelism = parallelism;
    }

    /**
     * No deletes: facts are not taken back, they are superseded by a higher version. A query that would delete is
     * refused by the planner. An update's old row carries nothing for an upsert, so it is not asked for.
     */
    @Override
    public ChangelogMode getChangelogMode(ChangelogMode requested) {
        var mode = ChangelogMode.newBuilder().addContainedKind(RowKind.INSERT);
        return (spec.isUpsert() ? mode.addContainedKind(RowKind.UPDATE_AFTER) : mode).build();
    }

    @Override
    public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
        return SinkV2Provider.of(sink, parallelism);
    }

    /** Static partition values arrive as constant columns; nothing else to do. */
    @Override
    public void applyStaticPartition(Map<String, String> partition) {}

    @Override
    public DynamicTableSink copy() {
        return new HudiTableSink(spec, sink, parallelism);
    }

    @Override
    public String asSummaryString() {
        return "Hudi[" + spec.name() + ", " + spec.operation().value() + "]";
    }
}
