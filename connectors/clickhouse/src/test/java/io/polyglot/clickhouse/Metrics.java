package io.polyglot.clickhouse;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.ThreadSafeSimpleCounter;
import org.apache.flink.metrics.groups.OperatorIOMetricGroup;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;

/** Counts; the counters of Flink's own unregistered group are new ones each time. */
final class Metrics extends UnregisteredMetricsGroup implements SinkWriterMetricGroup {
    final Map<String, Counter> counters = new ConcurrentHashMap<>();

    @Override
    public Counter counter(String name) {
        return counters.computeIfAbsent(name, key -> new ThreadSafeSimpleCounter());
    }

    @Override
    public Counter getNumRecordsSendCounter() {
        return counter("sent");
    }

    @Override
    public Counter getNumBytesSendCounter() {
        return counter("bytes");
    }

    @Override
    public Counter getNumRecordsSendErrorsCounter() {
        return counter("errors");
    }

    @Override
    public Counter getNumRecordsOutErrorsCounter() {
        return counter("outErrors");
    }

    @Override
    public void setCurrentSendTimeGauge(Gauge<Long> gauge) {
        gauge.getValue();
    }

    @Override
    public OperatorIOMetricGroup getIOMetricGroup() {
        return UnregisteredMetricsGroup.createOperatorIOMetricGroup();
    }
}
