package io.polyglot.blocks;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A block as its form is described, read record by record. */
record Parsed(int partition, long mark, List<One> records) {
  record One(String topic, long offset, long time, String value) {}

  static Parsed of(byte[] block) {
    ByteBuffer in = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
    int partition = in.getInt();
    int count = in.getInt();
    long mark = in.getLong();
    if (count == 0) {
      return new Parsed(partition, mark, List.of());
    }
    long[][] longs = new long[2][count];
    int[][] ints = new int[2][count];
    for (long[] column : longs) {
      for (int i = 0; i < count; i++) {
        column[i] = in.getLong();
      }
    }
    for (int[] column : ints) {
      for (int i = 0; i < count; i++) {
        column[i] = in.getInt();
      }
    }
    String[] topics = new String[in.getInt()];
    for (int t = 0; t < topics.length; t++) {
      topics[t] = text(in, in.getInt());
    }
    List<One> records = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      records.add(new One(topics[ints[1][i]], longs[0][i], longs[1][i], text(in, ints[0][i])));
    }
    if (in.hasRemaining()) {
      throw new AssertionError(in.remaining() + " bytes behind the block");
    }
    return new Parsed(partition, mark, records);
  }

  boolean marker() {
    return records.isEmpty();
  }

  private static String text(ByteBuffer in, int size) {
    byte[] found = new byte[size];
    in.get(found);
    return new String(found, StandardCharsets.UTF_8);
  }
}
