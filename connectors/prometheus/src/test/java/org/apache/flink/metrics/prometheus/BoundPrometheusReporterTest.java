package org.apache.flink.metrics.prometheus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.Properties;
import java.util.ServiceLoader;
import java.util.Set;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricConfig;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.metrics.reporter.MetricReporterFactory;
import org.apache.flink.runtime.metrics.filter.ReporterFilter;
import org.apache.flink.runtime.metrics.groups.FrontMetricGroup;
import org.apache.flink.runtime.metrics.groups.ReporterScopedSettings;
import org.apache.flink.runtime.metrics.groups.UnregisteredMetricGroups;
import org.junit.jupiter.api.Test;

class BoundPrometheusReporterTest {
  private static Properties properties(String... pairs) {
    Properties properties = new Properties();
    for (int i = 0; i < pairs.length; i += 2) {
      properties.setProperty(pairs[i], pairs[i + 1]);
    }
    return properties;
  }

  private static BoundPrometheusReporter start(Properties properties) {
    BoundPrometheusReporter reporter = new BoundPrometheusReporterFactory().createMetricReporter(properties);
    reporter.open(new MetricConfig());
    return reporter;
  }

  private static boolean answers(InetAddress address, int port) {
    try (Socket socket = new Socket(address, port)) {
      return socket.isConnected();
    } catch (IOException refused) {
      return false;
    }
  }

  @Test
  void servesOnLoopbackAndNowhereElse() throws Exception {
    BoundPrometheusReporter reporter = start(properties("port", "0"));
    try {
      assertThat(answers(InetAddress.getByName("127.0.0.1"), reporter.port())).isTrue();
      for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
        if (!each.isLoopback() && each.isUp()) {
          for (InetAddress address : each.inetAddresses().toList()) {
            assertThat(answers(address, reporter.port())).as(address.toString()).isFalse();
          }
        }
      }
    } finally {
      reporter.close();
    }
    assertThat(answers(InetAddress.getByName("127.0.0.1"), reporter.port())).isFalse();
  }

  @Test
  void servesWhatFlinkRegisters() throws Exception {
    BoundPrometheusReporter reporter = start(properties("port", "0", "host", "127.0.0.1"));
    try {
      SimpleCounter counter = new SimpleCounter();
      counter.inc(7);
      var group =
          new FrontMetricGroup<>(
              new ReporterScopedSettings<>(0, '.', ReporterFilter.<Metric>getNoOpFilter(), Set.of(), Map.of()),
              UnregisteredMetricGroups.createUnregisteredTaskManagerMetricGroup());
      reporter.notifyOfAddedMetric(counter, "lettersSeen", group);
      URI uri = URI.create("http://127.0.0.1:" + reporter.port() + "/metrics");
      String body =
          HttpClient.newHttpClient()
              .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
              .body();
      assertThat(body).containsPattern("flink_taskmanager_lettersSeen\\{[^}]*\\} 7\\.0");
    } finally {
      reporter.close();
    }
  }

  @Test
  void aTakenPortAndAMissingOneAreNamed() {
    BoundPrometheusReporter reporter = start(properties("port", "0"));
    try {
      String taken = String.valueOf(reporter.port());
      assertThatThrownBy(() -> start(properties("port", taken))).hasMessageContaining("127.0.0.1:" + taken);
    } finally {
      reporter.close();
    }
    assertThatThrownBy(() -> start(properties())).hasMessageContaining("port");
  }

  @Test
  void flinkFindsIt() {
    assertThat(ServiceLoader.load(MetricReporterFactory.class).stream().map(ServiceLoader.Provider::type))
        .contains(BoundPrometheusReporterFactory.class);
  }
}
