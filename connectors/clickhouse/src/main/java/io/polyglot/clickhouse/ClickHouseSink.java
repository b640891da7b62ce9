package io.polyglot.clickhouse;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/** At-least-once: a checkpoint completes only when every row before it has been acknowledged by the server. */
final class ClickHouseSink implements Sink<RowData> {
    private static final long serialVersionUID = 1L;

    private final ClickHouseOptions options;
    private final RowType columns;

    ClickHouseSink(ClickHouseOptions options, RowType columns) {
        this.options = options;
        this.columns = columns;
        new NativeBlock(columns); // a type that has no form there is to fail here
    }

    @Override
    public SinkWriter<RowData> createWriter(WriterInitContext context) {
        return new ClickHouseWriter(
                new InsertClient(options, columns.getFieldNames(), context.metricGroup()),
                new NativeBlock(columns),
                options,
                context.getProcessingTimeService(),
                context.metricGroup());
    }
}
