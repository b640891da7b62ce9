package io.polyglot.blocks;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.types.Row;

/**
 * Keeps a fold's account of itself as metrics of Flink's, and passes its rows on without it.
 *
 * <p>What Python registers takes one way to Flink from a process and another from a thread, where a gauge calls back into
 * the interpreter. So each row brings along what was counted for it, and both modes are the same. Its form,
 * little-endian, 8 bytes each: the bytes of the state that the fold keeps, its watermark in µs, and what each counter
 * rises by. {@code flink_jobs/fold_accounts.py} writes it.
 */
final class Account extends RichMapFunction<Row, Row> {
  private static final long serialVersionUID = 1L;

  /** From here on, and below its negative, a watermark is none: there is none yet, or the input has ended. */
  private static final long FAR = 1L << 61;

  private final int position;
  private final String fold;
  private final String[] names;
  private final boolean watermarks;

  private transient Counter[] counters;
  private transient volatile long stateBytes;
  private transient volatile long watermark;

  /**
   * @param position of the account in the rows; null there says nothing
   * @param fold whose it is: the value of the label of that name
   * @param names of the counters, in the account's order
   * @param watermarks whether the fold is given watermarks, so that they can lag
   */
  Account(int position, String fold, List<String> names, boolean watermarks) {
    this.position = position;
    this.fold = fold;
    this.names = names.toArray(new String[0]);
    this.watermarks = watermarks;
  }

  @Override
  public void open(OpenContext context) {
    register(getRuntimeContext().getMetricGroup());
  }

  void register(MetricGroup operator) {
    MetricGroup group = operator.addGroup("fold", fold);
    counters = new Counter[names.length];
    for (int i = 0; i < names.length; i++) {
      counters[i] = group.counter(names[i]);
    }
    stateBytes = 0;
    group.gauge("state_bytes", (Gauge<Long>) () -> stateBytes);
    if (watermarks) {
      watermark = -FAR;
      group.gauge("watermark_lag_seconds", (Gauge<Double>) () -> lag(System.currentTimeMillis()));
    }
  }

  /** @return how far the watermark is behind the clock, in seconds; not a number while there is none */
  double lag(long nowMs) {
    long mark = watermark;
    return mark <= -FAR || mark >= FAR ? Double.NaN : nowMs / 1e3 - mark / 1e6;
  }

  @Override
  public Row map(Row row) {
    byte[] account = (byte[]) row.getField(position);
    if (account != null) {
      ByteBuffer in = ByteBuffer.wrap(account).order(ByteOrder.LITTLE_ENDIAN);
      stateBytes = in.getLong();
      watermark = in.getLong();
      for (Counter counter : counters) {
        counter.inc(in.getLong());
      }
      row.setField(position, null);
    }
    return row;
  }
}
