package io.polyglot.blocks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class OldestTest {
  @Test
  void aPlaceThatIsGoneIsSkippedOnRequestOnly() {
    assertThat(new Oldest(false).getAutoOffsetResetStrategy()).isEqualTo(OffsetResetStrategy.NONE);
    assertThat(new Oldest(true).getAutoOffsetResetStrategy()).isEqualTo(OffsetResetStrategy.EARLIEST);
  }

  @Test
  void withoutACheckpointItBeginsAtTheOldestRecord() {
    List<TopicPartition> places = List.of(new TopicPartition("t", 0), new TopicPartition("t", 1));
    assertThat(new Oldest(false).getPartitionOffsets(places, null))
        .isEqualTo(OffsetsInitializer.earliest().getPartitionOffsets(places, null));
  }
}
