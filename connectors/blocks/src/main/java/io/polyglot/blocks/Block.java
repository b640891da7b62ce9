package io.polyglot.blocks;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Records of one partition number, of any topics, on their way into one array of bytes.
 *
 * <p>Its form, little-endian: partition and count (4 bytes each), the watermark in ms that holds behind the block's last
 * record (8 bytes; {@link #NO_MARK}: none yet); then a column each of the offsets and the record times
 * in ms (8 bytes), of the sizes of the values and the number of the topic (4 bytes); the count of topics, and for each
 * the size of its name and the name; the values, one after the other. A count of 0 ends the block: it is the marker that
 * goes before a checkpoint's barrier. {@code udfs/wire/blocks.py} reads it.
 */
final class Block {
  /** What a record takes besides its value. */
  static final int OVERHEAD = 24;
  /** Watermark of a block before there is one; also Flink's. */
  static final long NO_MARK = Long.MIN_VALUE;

  private static final int HEAD = 16;

  private final Map<String, Integer> numbers = new HashMap<>();
  private final List<byte[]> topics = new ArrayList<>();
  private String last;
  private int number;
  private int count;
  private long[] offsets = new long[64];
  private long[] times = new long[64];
  private int[] sizes = new int[64];
  private int[] of = new int[64];
  private byte[] values = new byte[1 << 14];
  private int used;

  int count() {
    return count;
  }

  /** @return the bytes that the records take, but for their topics' names */
  int bytes() {
    return used + OVERHEAD * count;
  }

  /** @param value of the record; null, a tombstone, is as good as empty: neither is an envelope */
  void add(String topic, long offset, long time, byte[] value) {
    if (count == sizes.length) {
      offsets = Arrays.copyOf(offsets, 2 * count);
      times = Arrays.copyOf(times, 2 * count);
      sizes = Arrays.copyOf(sizes, 2 * count);
      of = Arrays.copyOf(of, 2 * count);
    }
    int size = value == null ? 0 : value.length;
    if (values.length - used < size) {
      values = Arrays.copyOf(values, Math.max(2 * values.length, used + size));
    }
    if (size > 0) {
      System.arraycopy(value, 0, values, used, size);
    }
    used += size;
    offsets[count] = offset;
    times[count] = time;
    sizes[count] = size;
    of[count++] = number(topic);
  }

  private int number(String topic) {
    if (!topic.equals(last)) {
      last = topic;
      number = numbers.computeIfAbsent(topic, name -> {
        topics.add(name.getBytes(StandardCharsets.UTF_8));
        return topics.size() - 1;
      });
    }
    return number;
  }

  /**
   * Returns the block and is empty again; its arrays stay, unless one large record has made them so.
   *
   * @param mark the watermark
   * @param keep bytes that the arrays may hold on to
   */
  byte[] take(int partition, long mark, int keep) {
    int names = 4;
    for (byte[] topic : topics) {
      names += 4 + topic.length;
    }
    ByteBuffer out = buffer(HEAD + OVERHEAD * count + names + used).putInt(partition).putInt(count).putLong(mark);
    int at = out.position();
    out.asLongBuffer().put(offsets, 0, count).put(times, 0, count);
    out.position(at + 16 * count);
    out.asIntBuffer().put(sizes, 0, count).put(of, 0, count);
    out.position(at + OVERHEAD * count);
    out.putInt(topics.size());
    for (byte[] topic : topics) {
      out.putInt(topic.length).put(topic);
    }
    out.put(values, 0, used);
    clear(keep);
    return out.array();
  }

  private void clear(int keep) {
    numbers.clear();
    topics.clear();
    last = null;
    count = 0;
    used = 0;
    if (values.length > 2 * keep) {
      values = new byte[keep];
    }
  }

  /** @return the marker of a partition */
  static byte[] marker(int partition, long mark) {
    return buffer(HEAD).putInt(partition).putInt(0).putLong(mark).array();
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
