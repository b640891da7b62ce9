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
    private final NativeBlock batch;
    private final ClickHouseOptions options;
    private final ProcessingTimeService time;
    private final SinkWriterMetricGroup metrics;
    private boolean timerSet;

    ClickHouseWriter(
            InsertClient client,
            NativeBlock batch,
            ClickHouseOptions options,
            ProcessingTimeService time,
            SinkWriterMetricGroup metrics) {
        this.client = client;
        this.batch = batch;
        this.options = options;
        this.time = time;
        this.metrics = metrics;
    }

    @Override
    public void write(RowData row, Context context) throws IOException, InterruptedException {
        switch (row.getRowKind()) {
            case INSERT, UPDATE_AFTER -> batch.add(row);
            // The new row replaces the old one by its version.
            case UPDATE_BEFORE -> {
                return;
            }
            case DELETE -> throw new IOException(
                    options + " cannot delete: a key can only be replaced by a higher version. Row: " + row);
        }
        if (batch.rows() >= options.batchSize() || batch.size() >= options.batchBytes()) {
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
        if (batch.rows() == 0) {
            return;
        }
        byte[] body = batch.toBytes();
        client.insert(body, batch.rows());
        metrics.getNumRecordsSendCounter().inc(batch.rows());
        metrics.getNumBytesSendCounter().inc(body.length);
        batch.reset();
    }
}
