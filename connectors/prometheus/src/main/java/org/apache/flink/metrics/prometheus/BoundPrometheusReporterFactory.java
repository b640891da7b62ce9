package org.apache.flink.metrics.prometheus;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Properties;
import org.apache.flink.metrics.reporter.MetricReporterFactory;

/** Makes the reporter of {@code metrics.reporter.NAME.host} (default: loopback) and {@code .port} (must be given). */
public final class BoundPrometheusReporterFactory implements MetricReporterFactory {
  @Override
  public BoundPrometheusReporter createMetricReporter(Properties properties) {
    String port = properties.getProperty("port");
    if (port == null) {
      throw new IllegalArgumentException("metrics.reporter.NAME.port is not set");
    }
    String host = properties.getProperty("host", "127.0.0.1");
    try {
      return new BoundPrometheusReporter(host, Integer.parseInt(port.trim()));
    } catch (IOException error) {
      throw new UncheckedIOException("cannot listen on " + host + ":" + port, error);
    }
  }
}
