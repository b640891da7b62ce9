package io.polyglot.clickhouse;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.table.data.RowData;

/** At-least-once: a checkpoint completes only when every row before it has been acknowledged by the server. */
final class ClickHouseSink implements Sink<RowData> {
    private static final long serialVersionUID = 1L;

    private final ClickHouseOptions options;
    private final JsonRows rows;

    ClickHouseSink(ClickHouseOptions options, JsonRows rows) {
        this.options = options;
        this.rows = rows;
    }

    @Override
    public SinkWriter<RowData> createWriter(WriterInitContext context) {
        return new ClickHouseWriter(
                new InsertClient(options, rows.columns(), context.metricGroup()),
                rows,
                options,
                context.getProcessingTimeService(),
                context.metricGroup());
    }
}
