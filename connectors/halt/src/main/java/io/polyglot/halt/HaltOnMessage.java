package io.polyglot.halt;

import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.apache.flink.types.Row;
import org.apache.flink.util.FlinkRuntimeException;

/** Passes rows on, and ends the job without a restart at the first one whose last field holds a message. */
public final class HaltOnMessage implements MapFunction<Row, Row> {
  private static final long serialVersionUID = 1L;

  private final int position;

  /** @param position of the message in the row; null there means all is well. */
  public HaltOnMessage(int position) {
    this.position = position;
  }

  @Override
  public Row map(Row row) {
    Object message = row.getField(position);
    if (message != null) {
      throw new SuppressRestartsException(new FlinkRuntimeException(message.toString()));
    }
    return row;
  }
}
