package io.polyglot.blocks;

import java.util.List;
import java.util.TreeMap;
import org.apache.flink.runtime.io.network.api.writer.ResultPartitionWriter;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.Row;

/**
 * Packs rows of a wire source (topic, partition, offset, record time, value) into a block per partition number.
 *
 * <p>A block is handed on as soon as it is full, when its time has come ({@link Pace}), before a checkpoint's barrier, at
 * the end of the input, and before the source is called idle. So the operator has no state: what was read before a
 * barrier is before it in the stream as well. Behind the last block before a barrier, or before the end, goes a marker for
 * each partition that had blocks since the last one. A fold may keep its state until then.
 *
 * <p>A watermark waits until the records before it are out. Each block says the newest one besides, so that a fold has it
 * together with the records that brought it: all of a partition's records that came before a watermark are in the block
 * at hand, or in those before.
 */
final class Pack extends AbstractStreamOperator<Row> implements OneInputStreamOperator<RowData, Row>, BoundedOneInput {
  private static final long serialVersionUID = 1L;

  /** Where the columns of a row are. */
  private static final int TOPIC = 0, PARTITION = 1, OFFSET = 2, TIME = 3, VALUE = 4;

  private final Pace pace;
  private final int fullBytes;

  private transient TreeMap<Integer, Shard> shards;
  private transient Shard current;
  private transient List<ResultPartitionWriter> followers;
  private transient int packed;
  private transient long first;
  private transient boolean armed;
  private transient long pressedUntil;
  private transient Watermark held;
  private transient long mark;

  /** @param fullBytes of a block; one record may make it larger */
  Pack(Pace pace, int fullBytes) {
    this.pace = pace;
    this.fullBytes = fullBytes;
  }

  private static final class Shard {
    final int partition;
    final String key;
    final Block block = new Block();
    boolean unmarked;

    Shard(int partition, String key) {
      this.partition = partition;
      this.key = key;
    }
  }

  @Override
  public void open() throws Exception {
    super.open();
    shards = new TreeMap<>();
    mark = Block.NO_MARK;
    followers = List.of(getContainingTask().getEnvironment().getAllWriters());
  }

  @Override
  public void processElement(StreamRecord<RowData> element) {
    RowData row = element.getValue();
    Shard shard = shard(row.getInt(PARTITION));
    long time = row.getTimestamp(TIME, 3).getMillisecond();
    shard.block.add(row.getString(TOPIC).toString(), row.getLong(OFFSET), time, row.isNullAt(VALUE) ? null : row.getBinary(VALUE));
    if (packed++ == 0) {
      first = now();
      arm(pace.lingerMs());
    }
    if (shard.block.bytes() >= fullBytes) {
      handOn(shard);
      release();
    }
  }

  private Shard shard(int partition) {
    if (current == null || current.partition != partition) {
      int groups = getRuntimeContext().getTaskInfo().getMaxNumberOfParallelSubtasks();
      current = shards.computeIfAbsent(partition, number -> new Shard(number, ShardKeys.of(number, groups)));
    }
    return current;
  }

  private long now() {
    return getProcessingTimeService().getCurrentProcessingTime();
  }

  private void arm(long wait) {
    if (!armed) {
      armed = true;
      getProcessingTimeService().registerTimer(now() + wait, this::due);
    }
  }

  private void due(long time) {
    armed = false;
    if (packed == 0) {
      return;
    }
    long now = now();
    boolean pressed = pressed();
    if (pressed) {
      pressedUntil = now + pace.memoryMs();
    }
    long wait = first + pace.age(pressed, now < pressedUntil) - now;
    if (wait <= 0) {
      handOnAll();
    } else {
      arm(pressed ? Math.min(wait, pace.lingerMs()) : wait);
    }
  }

  private boolean pressed() {
    for (ResultPartitionWriter writer : followers) {
      if (!writer.isAvailable()) {
        return true;
      }
    }
    return false;
  }

  private void handOn(Shard shard) {
    packed -= shard.block.count();
    shard.unmarked = true;
    emit(shard, shard.block.take(shard.partition, mark, fullBytes));
  }

  private void emit(Shard shard, byte[] block) {
    output.collect(new StreamRecord<>(Row.of(shard.key, block)));
  }

  private void handOnAll() {
    for (Shard shard : shards.values()) {
      if (shard.block.count() > 0) {
        handOn(shard);
      }
    }
    release();
  }

  /** Lets the watermark go if nothing is before it any more. */
  private void release() {
    if (packed == 0 && held != null) {
      output.emitWatermark(held);
      held = null;
    }
  }

  private void mark() {
    handOnAll();
    for (Shard shard : shards.values()) {
      if (shard.unmarked) {
        shard.unmarked = false;
        emit(shard, Block.marker(shard.partition, mark));
      }
    }
  }

  @Override
  public void processWatermark(Watermark watermark) {
    held = watermark;
    mark = watermark.getTimestamp();
    release();
  }

  @Override
  public void processWatermarkStatus(WatermarkStatus status) throws Exception {
    if (status.isIdle()) {
      handOnAll();
    }
    super.processWatermarkStatus(status);
  }

  @Override
  public void prepareSnapshotPreBarrier(long checkpoint) {
    mark();
  }

  @Override
  public void endInput() {
    mark();
  }
}
