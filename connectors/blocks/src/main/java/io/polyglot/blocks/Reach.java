package io.polyglot.blocks;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.TopicPartition;

/**
 * What a source reads: topics without end, topics up to where they end now, or parts of partitions from one offset to
 * another. A replay's own topics have a prefix, of which no fold knows; called through PyFlink's gateway.
 */
public final class Reach {
  private final boolean bounded;
  private final String prefix;
  private final Map<TopicPartition, Long> begins = new HashMap<>();
  private final Map<TopicPartition, Long> ends = new HashMap<>();

  private Reach(boolean bounded, String prefix) {
    this.bounded = bounded;
    this.prefix = prefix;
  }

  /** From the beginning, without end. */
  public static Reach live() {
    return new Reach(false, "");
  }

  /**
   * Up to where the topics end now; or only the parts that follow.
   *
   * @param prefix that is taken off the names of topics that have it
   */
  public static Reach bounded(String prefix) {
    return new Reach(true, prefix);
  }

  /**
   * @param topic as the broker knows it
   * @param begin the first offset
   * @param end the offset behind the last one
   */
  public Reach part(String topic, int partition, long begin, long end) {
    TopicPartition place = new TopicPartition(topic, partition);
    begins.put(place, begin);
    ends.put(place, end);
    return this;
  }

  String prefix() {
    return prefix;
  }

  <T> KafkaSourceBuilder<T> applied(KafkaSourceBuilder<T> builder, List<String> topics, Oldest oldest) {
    if (!begins.isEmpty()) {
      return builder
          .setPartitions(new HashSet<>(begins.keySet())) // a map's own set cannot be serialized
          .setStartingOffsets(OffsetsInitializer.offsets(begins))
          .setBounded(OffsetsInitializer.offsets(ends));
    }
    builder.setTopics(topics).setStartingOffsets(oldest);
    return bounded ? builder.setBounded(OffsetsInitializer.latest()) : builder;
  }
}
