package io.polyglot.blocks;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.IntType;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.VarBinaryType;
import org.apache.flink.table.types.logical.VarCharType;
import org.apache.flink.util.Collector;

/** A record of Kafka as a row of topic, partition, offset, record time and value. */
final class ReadRecord implements KafkaRecordDeserializationSchema<RowData> {
  private static final long serialVersionUID = 1L;

  private final String prefix;
  private transient String topic;
  private transient StringData name;

  /** @param prefix that is no part of a topic's name here */
  ReadRecord(String prefix) {
    this.prefix = prefix;
  }

  @Override
  public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<RowData> out) {
    if (!record.topic().equals(topic)) {
      topic = record.topic();
      name = StringData.fromString(topic.startsWith(prefix) ? topic.substring(prefix.length()) : topic);
    }
    TimestampData time = TimestampData.fromEpochMillis(record.timestamp());
    out.collect(GenericRowData.of(name, record.partition(), record.offset(), time, record.value()));
  }

  @Override
  public TypeInformation<RowData> getProducedType() {
    return InternalTypeInfo.ofFields(
        new LogicalType[] {
          new VarCharType(VarCharType.MAX_LENGTH),
          new IntType(),
          new BigIntType(),
          new LocalZonedTimestampType(3),
          new VarBinaryType(VarBinaryType.MAX_LENGTH)
        },
        new String[] {"topic", "partition", "offset", "timestamp", "value"});
  }
}
