package io.polyglot.clickhouse;

import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.SinkV2Provider;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.RowKind;

/**
 * A table to insert into. Updates are inserts: the table's engine keeps the highest version of a key.
 *
 * <p>Deletes are refused when the query is planned, since such a table cannot express them.
 */
final class ClickHouseTableSink implements DynamicTableSink {
    private static final ChangelogMode UPSERT = ChangelogMode.newBuilder()
            .addContainedKind(RowKind.INSERT)
            .addContainedKind(RowKind.UPDATE_AFTER)
            .build();

    private final ClickHouseOptions options;
    private final RowType columns;
    private final Integer parallelism;

    ClickHouseTableSink(ClickHouseOptions options, RowType columns, Integer parallelism) {
        this.options = options;
        this.columns = columns;
        this.parallelism = parallelism;
    }

    @Override
    public ChangelogMode getChangelogMode(ChangelogMode requested) {
        return requested.containsOnly(RowKind.INSERT) ? ChangelogMode.insertOnly() : UPSERT;
    }

    @Override
    public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
        return SinkV2Provider.of(new ClickHouseSink(options, new JsonRows(columns)), parallelism);
    }

    @Override
    public DynamicTableSink copy() {
        return new ClickHouseTableSink(options, columns, parallelism);
    }

    @Override
    public String asSummaryString() {
        return options.toString();
    }
}
