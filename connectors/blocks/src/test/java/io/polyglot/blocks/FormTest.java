package io.polyglot.blocks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

/** Both forms, byte for byte: the files are read by {@code tests/unit/udfs/wire/test_blocks.py}, too. */
class FormTest {
  private static byte[] file(String name) throws IOException {
    try (var in = FormTest.class.getResourceAsStream(name)) {
      return HexFormat.of().parseHex(new String(in.readAllBytes(), StandardCharsets.US_ASCII).replaceAll("\\s", ""));
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void aBlock() throws IOException {
    Block block = new Block();
    block.add("raw.a", 7, 1_000, bytes("one"));
    block.add("raw.bé", 1L << 40, 1_001, bytes(""));
    block.add("raw.a", 8, 1_002, bytes("three"));
    assertThat(block.bytes()).isEqualTo(3 * Block.OVERHEAD + 8);
    assertThat(HexFormat.of().formatHex(block.take(5, 1_001, 1_000))).isEqualTo(HexFormat.of().formatHex(file("/block.hex")));
    assertThat(block.count()).isZero();
    assertThat(block.bytes()).isZero();
  }

  @Test
  void aMarker() {
    assertThat(Block.marker(5, 3)).containsExactly(5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0);
  }

  @Test
  void aReply() throws Exception {
    List<RowData> rows = new ArrayList<>();
    new Unpack(1).flatMap(Row.of("other", file("/reply.hex"), null), new ListCollector<>(rows));
    List<String> found = new ArrayList<>();
    for (RowData row : rows) {
      String time = row.isNullAt(1) ? "client's" : Long.toString(row.getTimestamp(1, 3).getMillisecond());
      found.add(row.getString(0) + " " + time + " " + new String(row.getBinary(2)) + "=" + new String(row.getBinary(3)));
    }
    assertThat(found).containsExactly("out.a 5 k=one", "out.a client's =", "out.bé -3 key=three");
  }

  @Test
  void nothingIsNoRow() throws Exception {
    List<RowData> rows = new ArrayList<>();
    new Unpack(0).flatMap(Row.of((Object) new byte[4]), new ListCollector<>(rows));
    assertThat(rows).isEmpty();
  }
}
