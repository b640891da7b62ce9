package io.polyglot.blocks;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

class AccountTest {
  /** What is registered, by name. */
  private static final class Registered extends UnregisteredMetricsGroup {
    final Map<String, Metric> metrics = new TreeMap<>();
    String labels = "";

    @Override
    public MetricGroup addGroup(String key, String value) {
      labels += key + "=" + value;
      return this;
    }

    @Override
    public Counter counter(String name) {
      Counter counter = new SimpleCounter();
      metrics.put(name, counter);
      return counter;
    }

    @Override
    public <T, G extends Gauge<T>> G gauge(String name, G gauge) {
      metrics.put(name, gauge);
      return gauge;
    }

    Object value(String name) {
      Metric metric = metrics.get(name);
      return metric instanceof Counter ? ((Counter) metric).getCount() : ((Gauge<?>) metric).getValue();
    }
  }

  private static byte[] account(long... numbers) {
    ByteBuffer out = ByteBuffer.allocate(8 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
    out.asLongBuffer().put(numbers);
    return out.array();
  }

  private final Registered registered = new Registered();

  private Account account(boolean watermarks) {
    Account account = new Account(1, "quote bars", List.of("records_in_total", "late_total"), watermarks);
    account.register(registered);
    return account;
  }

  @Test
  void countersRiseAndGaugesAreTheLastOnes() {
    Account account = account(false);
    account.map(Row.of("a", account(700, 0, 5, 1), null));
    account.map(Row.of("b", account(650, 0, 3, 0), null));
    assertThat(registered.labels).isEqualTo("fold=quote bars");
    assertThat(registered.metrics.keySet()).containsExactly("late_total", "records_in_total", "state_bytes");
    assertThat(registered.value("records_in_total")).isEqualTo(8L);
    assertThat(registered.value("late_total")).isEqualTo(1L);
    assertThat(registered.value("state_bytes")).isEqualTo(650L);
  }

  @Test
  void allAreThereBeforeTheFirstRecord() {
    account(true);
    assertThat(registered.value("records_in_total")).isEqualTo(0L);
    assertThat(registered.value("state_bytes")).isEqualTo(0L);
    assertThat(registered.value("watermark_lag_seconds")).isEqualTo(Double.NaN);
  }

  @Test
  void theLagIsThatOfTheLastWatermarkNow() {
    Account account = account(true);
    account.map(Row.of("a", account(0, 7_250_000, 0, 0), null));
    assertThat(account.lag(10_000)).isEqualTo(2.75);
    assertThat((double) registered.value("watermark_lag_seconds")).isGreaterThan(1e9);
    for (long none : new long[] {-(1L << 62), 1L << 62}) { // before the first one, and behind the last
      account.map(Row.of("a", account(0, none, 0, 0), null));
      assertThat(account.lag(10_000)).isNaN();
    }
  }

  @Test
  void aRowPassesWithoutItsAccount() {
    Account account = account(false);
    Row row = Row.of("a", account(700, 0, 5, 1), null);
    assertThat(account.map(row)).isSameAs(row).isEqualTo(Row.of("a", null, null));
    Row without = Row.of("b", null, "a rule stops the job");
    assertThat(account.map(without)).isSameAs(without);
    assertThat(registered.value("state_bytes")).isEqualTo(700L);
  }
}
