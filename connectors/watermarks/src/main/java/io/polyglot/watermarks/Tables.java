package io.polyglot.watermarks;

import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.DataType;

/**
 * Puts an operator behind a table, as a table.
 *
 * <p>Rows stay in Flink's internal form on the way, so nothing is converted. The column {@code rowtime} of type
 * TIMESTAMP_LTZ(3) is the event time of the result, with the watermarks that the operator emits.
 */
public final class Tables {
  private static final String ROWTIME = "rowtime";

  private Tables() {}

  /**
   * @param table of inserts only, with its event time in {@code rowtime}
   * @param uid by which the watermark is found again in a savepoint
   * @return the same rows, whose watermark goes on after a restart where it was
   */
  public static Table keepingWatermark(StreamTableEnvironment env, Table table, String uid) {
    return through(env, table, uid, new KeepWatermark<>());
  }

  /**
   * @param table of inserts only, with a time in {@code rowtime}
   * @param uid of the operator
   * @return the same rows, which never hold up a union's watermark
   */
  public static Table withoutWatermark(StreamTableEnvironment env, Table table, String uid) {
    return through(env, table, uid, new NoWatermark<>());
  }

  private static Table through(
      StreamTableEnvironment env, Table table, String uid, OneInputStreamOperator<RowData, RowData> operator) {
    DataType internal = table.getResolvedSchema().toSourceRowDataType().notNull().bridgedTo(RowData.class);
    DataStream<RowData> rows = env.toDataStream(table, internal);
    DataStream<RowData> marked = rows.transform(uid, rows.getType(), operator).uid(uid);
    return env.fromDataStream(marked, Schema.newBuilder().watermark(ROWTIME, "SOURCE_WATERMARK()").build());
  }
}
