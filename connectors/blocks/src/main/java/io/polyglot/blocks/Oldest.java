package io.polyglot.blocks;

import java.util.Collection;
import java.util.Map;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.OffsetResetStrategy;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.TopicPartition;

/**
 * Begins at the oldest record. A job whose checkpoint has a place that retention has cut meanwhile fails, unless it was
 * told to go on where the log now begins: Flink's own initializer would do that without a word, and records be lost.
 */
final class Oldest implements OffsetsInitializer {
  private static final long serialVersionUID = 1L;

  private final boolean skipping;

  Oldest(boolean skipping) {
    this.skipping = skipping;
  }

  @Override
  public Map<TopicPartition, Long> getPartitionOffsets(
      Collection<TopicPartition> partitions, PartitionOffsetsRetriever retriever) {
    return OffsetsInitializer.earliest().getPartitionOffsets(partitions, retriever);
  }

  @Override
  public OffsetResetStrategy getAutoOffsetResetStrategy() {
    return skipping ? OffsetResetStrategy.EARLIEST : OffsetResetStrategy.NONE;
  }
}
