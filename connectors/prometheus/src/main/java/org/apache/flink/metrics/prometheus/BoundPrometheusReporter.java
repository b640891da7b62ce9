package org.apache.flink.metrics.prometheus;

import io.prometheus.client.exporter.HTTPServer;
import java.io.IOException;
import java.net.InetSocketAddress;

/**
 * Serves Flink's metrics to Prometheus on one address. It lies in Flink's package because the registry that the
 * superclass fills is visible there only; both jars are in the library folder, so one class loader has them.
 */
public final class BoundPrometheusReporter extends AbstractPrometheusReporter {
  private final HTTPServer server;

  BoundPrometheusReporter(String host, int port) throws IOException {
    server = new HTTPServer(new InetSocketAddress(host, port), registry, true);
  }

  /** Returns the port that is listened on: of the system's choice if 0 was asked for. */
  public int port() {
    return server.getPort();
  }

  @Override
  public void close() {
    server.stop();
    super.close();
  }
}
