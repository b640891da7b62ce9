package io.polyglot.blocks;

import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.flink.table.data.RowData;

/** A row of topic, record time (none: the client's), key and value as a record for Kafka. */
final class WriteRecord implements KafkaRecordSerializationSchema<RowData> {
  private static final long serialVersionUID = 1L;

  private final String prefix;

  /** @param prefix before the topics' names */
  WriteRecord(String prefix) {
    this.prefix = prefix;
  }

  @Override
  public ProducerRecord<byte[], byte[]> serialize(RowData row, KafkaSinkContext context, Long timestamp) {
    Long time = row.isNullAt(1) ? null : row.getTimestamp(1, 3).getMillisecond();
    return new ProducerRecord<>(prefix + row.getString(0), null, time, row.getBinary(2), row.getBinary(3));
  }
}
