package io.polyglot.blocks;

import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.table.data.RowData;

/**
 * A partition's watermark: its newest record time minus a bound, with the record that brings it. Flink's own generator
 * waits for the next of its intervals, and a block would go without it.
 */
final class NewestMinus implements WatermarkGenerator<RowData> {
  private final long boundMs;
  private long mark = Long.MIN_VALUE;

  NewestMinus(long boundMs) {
    this.boundMs = boundMs;
  }

  @Override
  public void onEvent(RowData row, long timestamp, WatermarkOutput output) {
    if (timestamp - boundMs > mark) {
      mark = timestamp - boundMs;
      output.emitWatermark(new Watermark(mark));
    }
  }

  @Override
  public void onPeriodicEmit(WatermarkOutput output) {}
}
