package io.polyglot.blocks;

import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.VarBinaryType;
import org.apache.flink.table.types.logical.VarCharType;
import org.apache.flink.types.Row;

/** Table → blocks, and replies → table; called through PyFlink's gateway. Rows stay in Flink's internal form. */
public final class Blocks {
  private static final LogicalType TEXT = new VarCharType(VarCharType.MAX_LENGTH);
  private static final LogicalType BYTES = new VarBinaryType(VarBinaryType.MAX_LENGTH);

  private Blocks() {}

  /**
   * @param records a table of topic, partition, offset, record time and value
   * @param lingerMs how long records wait for others while what follows is free
   * @param patienceMs how long while it was busy lately; ten times that while it is busy
   * @param fullBytes at which a block is handed on
   * @return rows of shard (see {@link ShardKeys}) and block (see {@link Block})
   */
  public static DataStream<Row> packed(
      StreamTableEnvironment env, Table records, String uid, long lingerMs, long patienceMs, int fullBytes) {
    DataType internal = records.getResolvedSchema().toSourceRowDataType().notNull().bridgedTo(RowData.class);
    DataStream<RowData> rows = env.toDataStream(records, internal);
    return rows
        .transform(
            uid,
            Types.ROW(Types.STRING, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO),
            new Pack(new Pace(lingerMs, patienceMs), fullBytes))
        .uid(uid);
  }

  /**
   * @param position of the reply (see {@link Unpack}) in the rows
   * @return a table of topic, ts (the record time), k and v; in a chain of its own, so that sending goes on while the
   *     kernel folds the next block
   */
  public static Table unpacked(StreamTableEnvironment env, DataStream<Row> replies, int position, String uid) {
    InternalTypeInfo<RowData> type =
        InternalTypeInfo.ofFields(
            new LogicalType[] {TEXT, new LocalZonedTimestampType(3), BYTES, BYTES},
            new String[] {"topic", "ts", "k", "v"});
    return env.fromDataStream(
        replies.flatMap(new Unpack(position)).returns(type).name(uid).uid(uid).startNewChain());
  }
}
