package io.polyglot.clickhouse;

import java.io.IOException;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.table.data.RowData;

/**
 * Collects rows into one INSERT and sends it when it is full, old enough, or a checkpoint comes.
 *
 * <p>Sending blocks the task: that is the back-pressure, and why nothing needs to be kept in state. All calls,
 * the timer's too, come from the task's own thread.
 */
final class ClickHouseWriter implements SinkWriter<RowData> {
    private final InsertClient client;
    private final JsonRows rows;
    private final ClickHouseOptions options;
    private final ProcessingTimeService time;
    private final SinkWriterMetricGroup metrics;
    private final JsonBuffer batch = new JsonBuffer();
    private int count;
    private boolean timerSet;

    ClickHouseWriter(
            InsertClient client,
            JsonRows rows,
            ClickHouseOptions options,
            ProcessingTimeService time,
            SinkWriterMetricGroup metrics) {
        this.client = client;
        this.rows = rows;
        this.options = options;
        this.time = time;
        this.metrics = metrics;
    }

    @Override
    public void write(RowData row, Context context) throws IOException, InterruptedException {
        switch (row.getRowKind()) {
            case INSERT, UPDATE_AFTER -> rows.write(row, batch);
            // The new row replaces the old one by its version.
            case UPDATE_BEFORE -> {
                return;
            }
            case DELETE -> throw new IOException(
                    options + " cannot delete: a key can only be replaced by a higher version. Row: " + row);
        }
        count++;
        if (count >= options.batchSize() || batch.size() >= options.batchBytes()) {
            send();
        } else if (!timerSet) {
            timerSet = true;
            time.registerTimer(time.getCurrentProcessingTime() + options.flushInterval().toMillis(), now -> {
                timerSet = false;
                send();
            });
        }
    }

    @Override
    public void flush(boolean endOfInput) throws IOException, InterruptedException {
        send();
    }

    @Override
    public void close() {
        // What is left was not acknowledged: the job restarts from a checkpoint before it.
    }

    private void send() throws IOException, InterruptedException {
        if (count == 0) {
            return;
        }
        client.insert(batch.toBytes(), count);
        metrics.getNumRecordsSendCounter().inc(count);
        metrics.getNumBytesSendCounter().inc(batch.size());
        batch.reset();
        count = 0;
    }
}
