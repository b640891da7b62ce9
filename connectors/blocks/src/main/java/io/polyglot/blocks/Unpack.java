package io.polyglot.blocks;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * Takes a kernel's reply apart: rows of topic, record time, key and value.
 *
 * <p>Its form, little-endian: the count of parts, and for each of them the size of the topic's name, the name, the count
 * of records (4 bytes each); a column each of the record times in ms (8 bytes; {@link #NO_TIME}: the client's), of the
 * sizes of the keys and of the values (4 bytes); the keys, one after the other, and the values. {@code udfs/wire/blocks.py}
 * writes it.
 */
final class Unpack implements FlatMapFunction<Row, RowData> {
  private static final long serialVersionUID = 1L;

  static final long NO_TIME = Long.MIN_VALUE;

  private final int position;

  /** @param position of the reply in the rows */
  Unpack(int position) {
    this.position = position;
  }

  @Override
  public void flatMap(Row row, Collector<RowData> out) {
    byte[] reply = (byte[]) row.getField(position);
    ByteBuffer in = ByteBuffer.wrap(reply).order(ByteOrder.LITTLE_ENDIAN);
    for (int parts = in.getInt(); parts > 0; parts--) {
      byte[] name = new byte[in.getInt()];
      in.get(name);
      int count = in.getInt();
      in.position(part(reply, in, StringData.fromBytes(name), count, out));
    }
  }

  private static int part(byte[] reply, ByteBuffer in, StringData topic, int count, Collector<RowData> out) {
    int times = in.position();
    int keySizes = times + 8 * count;
    int valueSizes = keySizes + 4 * count;
    int key = valueSizes + 4 * count;
    int value = key;
    for (int i = 0; i < count; i++) {
      value += in.getInt(keySizes + 4 * i);
    }
    for (int i = 0; i < count; i++) {
      int keyEnd = key + in.getInt(keySizes + 4 * i);
      int valueEnd = value + in.getInt(valueSizes + 4 * i);
      long time = in.getLong(times + 8 * i);
      TimestampData stamp = time == NO_TIME ? null : TimestampData.fromEpochMillis(time);
      byte[] itsKey = Arrays.copyOfRange(reply, key, keyEnd);
      out.collect(GenericRowData.of(topic, stamp, itsKey, Arrays.copyOfRange(reply, value, valueEnd)));
      key = keyEnd;
      value = valueEnd;
    }
    return value;
  }
}
