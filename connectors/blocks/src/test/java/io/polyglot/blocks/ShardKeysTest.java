package io.polyglot.blocks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

class ShardKeysTest {
  private static int[] load(int partitions, int parallelism, int maxParallelism) {
    int[] load = new int[parallelism];
    for (int partition = 0; partition < partitions; partition++) {
      Row key = Row.of(ShardKeys.of(partition, maxParallelism));
      load[KeyGroupRangeAssignment.assignKeyToParallelOperator(key, maxParallelism, parallelism)]++;
    }
    return load;
  }

  @Test
  void powersOfTwoGetTheSame() {
    for (int parallelism : new int[] {1, 2, 4, 8, 16, 32}) {
      for (int partitions = parallelism; partitions <= 128; partitions *= 2) {
        assertThat(load(partitions, parallelism, 128)).containsOnly(partitions / parallelism);
      }
    }
  }

  @Test
  void allOthersNearlyTheSame() {
    for (int parallelism = 1; parallelism <= 12; parallelism++) {
      for (int partitions = parallelism; partitions <= 100; partitions++) {
        for (int one : load(partitions, parallelism, 128)) {
          assertThat(one).isBetween(partitions / parallelism - 3, partitions / parallelism + 3);
        }
      }
    }
  }

  @Test
  void morePartitionsThanKeyGroupsHaveKeysOfTheirOwn() {
    Set<String> keys = new HashSet<>();
    for (int partition = 0; partition < 1_000; partition++) {
      keys.add(ShardKeys.of(partition, 128));
    }
    assertThat(keys).hasSize(1_000);
    assertThat(load(1_000, 2, 128)).containsExactly(500, 500);
  }

  /** They are in savepoints: another key is another state. */
  @Test
  void keysStayWhatTheyAre() {
    for (int partition = 0; partition < 64; partition++) {
      String key = ShardKeys.of(partition, 128);
      int group = KeyGroupRangeAssignment.assignToKeyGroup(Row.of(key), 128);
      assertThat(group).isEqualTo(ShardKeys.group(partition, 128));
      assertThat(key).startsWith(partition + "/");
    }
    assertThat(ShardKeys.group(0, 128)).isEqualTo(0);
    assertThat(ShardKeys.group(1, 128)).isEqualTo(64);
    assertThat(ShardKeys.group(2, 128)).isEqualTo(32);
    assertThat(ShardKeys.group(3, 128)).isEqualTo(96);
    assertThat(ShardKeys.group(127, 128)).isEqualTo(127);
  }
}
