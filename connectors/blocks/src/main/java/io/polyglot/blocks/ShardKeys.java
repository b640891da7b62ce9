package io.polyglot.blocks;

import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.types.Row;

/**
 * The key of each partition number, so chosen that partitions spread evenly over subtasks.
 *
 * <p>Flink hashes keys into key groups and gives each subtask a range of these. The hashes of a few numbers are not even:
 * of "0" to "3", one of two subtasks gets three. So each partition is given a key group first, and then a key that is
 * hashed into it. The groups are those of van der Corput: the first half, the second, the quarters between, the eighths
 * ..., which is even for any count of partitions and of subtasks, and does not change when there are more.
 */
final class ShardKeys {
  private ShardKeys() {}

  /**
   * @param maxParallelism of the operator whose state is kept by these keys
   * @return the same key for the same partition for ever, another one for each
   */
  static String of(int partition, int maxParallelism) {
    int group = group(partition, maxParallelism);
    for (int attempt = 0; ; attempt++) {
      String key = partition + "/" + attempt;
      if (KeyGroupRangeAssignment.assignToKeyGroup(Row.of(key), maxParallelism) == group) {
        return key;
      }
    }
  }

  /** Mirrors the partition's bits at the binary point: 0, 1/2, 1/4, 3/4, 1/8 ... of the key groups. */
  static int group(int partition, int maxParallelism) {
    return (int) (Integer.toUnsignedLong(Integer.reverse(partition)) * maxParallelism >>> 32);
  }
}
