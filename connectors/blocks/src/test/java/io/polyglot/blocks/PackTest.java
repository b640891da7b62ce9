package io.polyglot.blocks;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

class PackTest {
  private static final long LINGER = 20, PATIENCE = 100;

  @Test
  void aFullBlockIsHandedOnAtOnceAndItsPartitionOnly() throws Exception {
    try (var pack = opened(3 * (Block.OVERHEAD + 1))) {
      read(pack, "t", 0, 0, "a");
      read(pack, "t", 1, 0, "x");
      read(pack, "t", 0, 1, "b");
      assertThat(out(pack)).isEmpty();
      read(pack, "t", 0, 2, "c");
      assertThat(out(pack)).containsExactly("0: t0=a t1=b t2=c");
    }
  }

  @Test
  void oneLargeRecordIsABlock() throws Exception {
    try (var pack = opened(100)) {
      read(pack, "t", 0, 0, "a".repeat(5_000));
      read(pack, "t", 0, 1, "b".repeat(90));
      assertThat(out(pack)).containsExactly("0: t0=" + "a".repeat(5_000), "0: t1=" + "b".repeat(90));
    }
  }

  @Test
  void topicsOfAPartitionShareABlockInTheOrderOfTheirRecords() throws Exception {
    try (var pack = opened(1 << 20)) {
      read(pack, "t", 1, 0, "a");
      read(pack, "u", 1, 7, "b");
      read(pack, "t", 1, 1, "c");
      pack.setProcessingTime(LINGER);
      read(pack, "u", 1, 8, "d");
      pack.setProcessingTime(2 * LINGER);
      assertThat(out(pack)).containsExactly("1: t0=a u7=b t1=c", "1: u8=d");
    }
  }

  @Test
  void whatIsNotFullIsHandedOnWhenTheFirstRecordHasWaited() throws Exception {
    try (var pack = opened(1 << 20)) {
      pack.setProcessingTime(1_000);
      read(pack, "t", 0, 0, "a");
      pack.setProcessingTime(1_000 + LINGER - 1);
      read(pack, "t", 3, 0, "b");
      assertThat(out(pack)).isEmpty();
      pack.setProcessingTime(1_000 + LINGER);
      assertThat(out(pack)).containsExactly("0: t0=a", "3: t0=b");
      read(pack, "t", 3, 1, "c");
      pack.setProcessingTime(1_000 + 2 * LINGER - 1);
      assertThat(out(pack)).isEmpty();
      pack.setProcessingTime(1_000 + 2 * LINGER);
      assertThat(out(pack)).containsExactly("3: t1=c");
    }
  }

  @Test
  void aRecordAfterAFullBlockWaitsNoLongerThanOthers() throws Exception {
    try (var pack = opened(Block.OVERHEAD + 5)) {
      read(pack, "t", 0, 0, "full!");
      pack.setProcessingTime(15);
      read(pack, "t", 0, 1, "b");
      out(pack);
      pack.setProcessingTime(15 + LINGER);
      assertThat(out(pack)).containsExactly("0: t1=b");
    }
  }

  @Test
  void aTombstoneIsAnEmptyValue() throws Exception {
    try (var pack = opened(1 << 20)) {
      pack.processElement(new StreamRecord<>(row("t", 0, 4, null)));
      pack.endInput();
      assertThat(out(pack)).containsExactly("0: t4=", "0 marker");
    }
  }

  @Test
  void whatWasReadBeforeABarrierIsBeforeIt() throws Exception {
    try (var pack = opened(1 << 20)) {
      read(pack, "t", 2, 0, "a");
      read(pack, "t", 0, 0, "b");
      pack.prepareSnapshotPreBarrier(1);
      assertThat(out(pack)).containsExactly("0: t0=b", "2: t0=a", "0 marker", "2 marker");
      read(pack, "t", 2, 1, "c");
      pack.prepareSnapshotPreBarrier(2);
      assertThat(out(pack)).containsExactly("2: t1=c", "2 marker");
      pack.prepareSnapshotPreBarrier(3);
      assertThat(out(pack)).isEmpty();
    }
  }

  @Test
  void theEndOfTheInputLosesNothing() throws Exception {
    try (var pack = opened(1 << 20)) {
      read(pack, "t", 0, 0, "a");
      pack.processWatermark(5);
      pack.endInput();
      assertThat(out(pack)).containsExactly("0: t0=a", "mark 5", "0 marker");
    }
  }

  @Test
  void aWatermarkWaitsForTheRecordsBeforeIt() throws Exception {
    try (var pack = opened(Block.OVERHEAD + 2)) {
      pack.processWatermark(1);
      assertThat(out(pack)).containsExactly("mark 1");
      read(pack, "t", 0, 0, "a");
      pack.processWatermark(2);
      read(pack, "t", 1, 0, "b");
      pack.processWatermark(3);
      assertThat(out(pack)).isEmpty();
      read(pack, "t", 0, 1, "full");
      assertThat(out(pack)).containsExactly("0: t0=a t1=full");
      pack.setProcessingTime(LINGER);
      assertThat(out(pack)).containsExactly("1: t0=b", "mark 3");
    }
  }

  @Test
  void aBlockSaysTheNewestWatermark() throws Exception {
    try (var pack = opened(Block.OVERHEAD + 2)) {
      read(pack, "t", 0, 0, "full");
      read(pack, "t", 1, 0, "a");
      pack.processWatermark(2);
      read(pack, "t", 0, 1, "full");
      pack.prepareSnapshotPreBarrier(1);
      assertThat(marks(pack)).containsExactly("0 none", "0 2", "1 2", "0 2", "1 2");
    }
  }

  @Test
  void anIdleSourceLeavesNothingBehind() throws Exception {
    try (var pack = opened(1 << 20)) {
      read(pack, "t", 0, 0, "a");
      pack.processWatermark(2);
      pack.processWatermarkStatus(WatermarkStatus.IDLE);
      assertThat(out(pack)).containsExactly("0: t0=a", "mark 2", "idle");
    }
  }

  @Test
  void itKeepsNoStateAndARestartGoesOnFromTheSourcesOffsets() throws Exception {
    OperatorSubtaskState saved;
    try (var pack = opened(1 << 20)) {
      read(pack, "t", 0, 0, "a");
      pack.prepareSnapshotPreBarrier(1);
      saved = pack.snapshot(1, 1);
      assertThat(out(pack)).containsExactly("0: t0=a", "0 marker");
      assertThat(saved.hasState()).isFalse();
      read(pack, "t", 0, 1, "b"); // lost with the task, and read again, for the offset saved is 1
    }
    try (var pack = harness(1 << 20)) {
      pack.initializeState(saved);
      pack.open();
      read(pack, "t", 0, 1, "b");
      pack.endInput();
      assertThat(out(pack)).containsExactly("0: t1=b", "0 marker");
    }
  }

  @Test
  void howeverItIsCutEveryRecordComesOnceInOrderAndWatermarksBehindTheirs() throws Exception {
    for (int seed = 0; seed < 200; seed++) {
      Random chance = new Random(seed);
      try (var pack = opened(40 + chance.nextInt(400))) {
        long[][] offsets = new long[3][5];
        long time = 0;
        List<Integer> sent = new ArrayList<>();
        for (int step = 0; step < 300; step++) {
          switch (chance.nextInt(12)) {
            case 0 -> pack.setProcessingTime(time += chance.nextInt(40));
            case 1 -> pack.processWatermark(sent.size());
            case 2 -> pack.prepareSnapshotPreBarrier(step);
            default -> {
              int topic = chance.nextInt(3);
              int partition = chance.nextInt(5);
              read(pack, "topic" + topic + "_", partition, offsets[topic][partition]++, "v".repeat(chance.nextInt(60)));
              sent.add(partition);
            }
          }
        }
        pack.endInput();
        assertInOrder(pack, offsets, sent);
      }
    }
  }

  /** @param sent the partition of each record; a watermark of n promises that the first n have come */
  private static void assertInOrder(
      OneInputStreamOperatorTestHarness<RowData, Row> pack, long[][] offsets, List<Integer> sent) {
    long[][] next = new long[3][5];
    long[] of = new long[5];
    int found = 0;
    for (Object one : pack.getOutput()) {
      if (one instanceof Watermark mark) {
        assertThat(mark.getTimestamp()).as("records before the mark are out").isLessThanOrEqualTo(found);
        continue;
      }
      Parsed block = parsed(one);
      for (Parsed.One record : block.records()) {
        int topic = record.topic().charAt(5) - '0';
        assertThat(record.offset()).isEqualTo(next[topic][block.partition()]++);
        assertThat(record.time()).isEqualTo(1_000 + record.offset());
        of[block.partition()]++;
        found++;
      }
      long before = sent.stream().limit(Math.max(0, block.mark())).filter(p -> p == block.partition()).count();
      assertThat(of[block.partition()]).as("records before a block's mark are out").isGreaterThanOrEqualTo(before);
    }
    assertThat(found).isEqualTo(sent.size());
    assertThat(next).isEqualTo(offsets);
  }

  @Test
  void whilePressedOrPressedLatelyBlocksGrow() {
    Pace pace = new Pace(LINGER, PATIENCE);
    assertThat(pace.age(false, false)).isEqualTo(LINGER);
    assertThat(pace.age(false, true)).isEqualTo(PATIENCE);
    assertThat(pace.age(true, true)).isEqualTo(10 * PATIENCE);
  }

  private static OneInputStreamOperatorTestHarness<RowData, Row> harness(int fullBytes) throws Exception {
    return new OneInputStreamOperatorTestHarness<>(new Pack(new Pace(LINGER, PATIENCE), fullBytes), 128, 1, 0);
  }

  private static OneInputStreamOperatorTestHarness<RowData, Row> opened(int fullBytes) throws Exception {
    var pack = harness(fullBytes);
    pack.open();
    return pack;
  }

  private static RowData row(String topic, int partition, long offset, byte[] value) {
    TimestampData time = TimestampData.fromEpochMillis(1_000 + offset);
    return GenericRowData.of(StringData.fromString(topic), partition, offset, time, value);
  }

  private static void read(
      OneInputStreamOperatorTestHarness<RowData, Row> pack, String topic, int partition, long offset, String value)
      throws Exception {
    pack.processElement(new StreamRecord<>(row(topic, partition, offset, value.getBytes(StandardCharsets.UTF_8))));
  }

  private static Parsed parsed(Object element) {
    Row row = (Row) ((StreamRecord<?>) element).getValue();
    Parsed block = Parsed.of((byte[]) row.getField(1));
    assertThat(row.getField(0)).isEqualTo(ShardKeys.of(block.partition(), 128));
    return block;
  }

  /** Returns the partition and the watermark of each block that came out since the last call. */
  private static List<String> marks(OneInputStreamOperatorTestHarness<RowData, Row> pack) {
    List<String> found = new ArrayList<>();
    for (Object one : pack.getOutput()) {
      if (one instanceof StreamRecord<?>) {
        Parsed block = parsed(one);
        found.add(block.partition() + " " + (block.mark() == Block.NO_MARK ? "none" : block.mark()));
      }
    }
    pack.getOutput().clear();
    return found;
  }

  /** Returns what came out since the last call: blocks, markers and watermarks, in words. */
  private static List<String> out(OneInputStreamOperatorTestHarness<RowData, Row> pack) {
    List<String> found = new ArrayList<>();
    for (Object one : pack.getOutput()) {
      if (one instanceof Watermark mark) {
        found.add("mark " + mark.getTimestamp());
      } else if (one instanceof WatermarkStatus status) {
        found.add(status.isIdle() ? "idle" : "active");
      } else {
        Parsed block = parsed(one);
        StringBuilder text = new StringBuilder().append(block.partition()).append(block.marker() ? " marker" : ":");
        block.records().forEach(r -> text.append(' ').append(r.topic()).append(r.offset()).append('=').append(r.value()));
        found.add(text.toString());
      }
    }
    pack.getOutput().clear();
    return found;
  }
}
