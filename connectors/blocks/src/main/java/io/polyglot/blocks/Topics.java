package io.polyglot.blocks;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.data.RowData;

/** Topics as streams, and back; called through PyFlink's gateway. Names are uids as well. */
public final class Topics {
  /** Of a consumer's properties: what it does whose place in a partition is gone; see {@link Oldest}. */
  private static final String RESET = "auto.offset.reset";

  private static final String SKIP = "earliest";

  private Topics() {}

  /**
   * Reads topics from their beginning, or from where a checkpoint was; the group's offsets are committed with each
   * checkpoint.
   *
   * @param properties of the consumer, as Java's client names them; with auto.offset.reset = earliest it goes on where
   *     the log begins, if its place is gone, otherwise it fails
   * @param group of the consumer
   * @param boundMs how far a partition's watermark is behind its newest record; negative: no watermarks
   * @param idleMs a partition without records for so long does not hold up the others' watermark
   * @param reach where to begin and where to end
   * @return rows of topic, partition, offset, record time, value; see {@link Pack}
   */
  public static DataStream<RowData> read(
      StreamExecutionEnvironment env,
      String name,
      List<String> topics,
      Map<String, String> properties,
      String group,
      long boundMs,
      long idleMs,
      Reach reach) {
    ReadRecord records = new ReadRecord(reach.prefix());
    return source(env, name, topics, properties, group, records, marks(boundMs, idleMs), reach);
  }

  /**
   * Reads one topic in the same way, for who needs no more than the decoded values.
   *
   * @param values what becomes of a value; null is left out
   */
  public static DataStream<RowData> decoded(
      StreamExecutionEnvironment env,
      String name,
      String topic,
      Map<String, String> properties,
      String group,
      DeserializationSchema<RowData> values,
      Reach reach) {
    var records = KafkaRecordDeserializationSchema.valueOnly(values);
    return source(env, name, List.of(topic), properties, group, records, WatermarkStrategy.noWatermarks(), reach);
  }

  private static DataStream<RowData> source(
      StreamExecutionEnvironment env,
      String name,
      List<String> topics,
      Map<String, String> properties,
      String group,
      KafkaRecordDeserializationSchema<RowData> records,
      WatermarkStrategy<RowData> marks,
      Reach reach) {
    KafkaSourceBuilder<RowData> builder =
        KafkaSource.<RowData>builder().setProperties(filled(properties)).setGroupId(group).setDeserializer(records);
    Oldest oldest = new Oldest(SKIP.equals(properties.get(RESET)));
    return env.fromSource(reach.applied(builder, topics, oldest).build(), marks, name).uid(name);
  }

  private static WatermarkStrategy<RowData> marks(long boundMs, long idleMs) {
    return boundMs < 0
        ? WatermarkStrategy.noWatermarks()
        : WatermarkStrategy.<RowData>forGenerator(context -> new NewestMinus(boundMs))
            .withIdleness(Duration.ofMillis(idleMs));
  }

  /**
   * Writes rows of topic, record time, key and value (see {@link Unpack}).
   *
   * @param properties of the producer, bootstrap.servers among them
   * @param guarantee a {@link DeliveryGuarantee}
   * @param prefix of the topics' names in the broker
   */
  public static void write(
      DataStream<RowData> records, String name, Map<String, String> properties, String guarantee, String prefix) {
    KafkaSink<RowData> sink =
        KafkaSink.<RowData>builder()
            .setKafkaProducerConfig(filled(properties))
            .setBootstrapServers(properties.get("bootstrap.servers"))
            .setDeliveryGuarantee(DeliveryGuarantee.valueOf(guarantee))
            .setRecordSerializer(new WriteRecord(prefix))
            .build();
    records.sinkTo(sink).name(name).uid(name);
  }

  private static Properties filled(Map<String, String> properties) {
    Properties found = new Properties();
    found.putAll(properties);
    return found;
  }
}
