package io.polyglot.blocks;

import java.util.List;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.VarBinaryType;
import org.apache.flink.table.types.logical.VarCharType;
import org.apache.flink.types.Row;

/** Records → blocks, and replies → records; called through PyFlink's gateway. Names are uids as well. */
public final class Blocks {
  private static final LogicalType TEXT = new VarCharType(VarCharType.MAX_LENGTH);
  private static final LogicalType BYTES = new VarBinaryType(VarBinaryType.MAX_LENGTH);

  private Blocks() {}

  /**
   * @param records of {@link Topics#read}
   * @param lingerMs how long records wait for others while what follows is free
   * @param patienceMs how long while it was busy lately; ten times that while it is busy
   * @param fullBytes at which a block is handed on
   * @return rows of shard (see {@link ShardKeys}) and block (see {@link Block})
   */
  public static DataStream<Row> packed(
      DataStream<RowData> records, String name, long lingerMs, long patienceMs, int fullBytes) {
    return records
        .transform(
            name,
            Types.ROW(Types.STRING, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO),
            new Pack(new Pace(lingerMs, patienceMs), fullBytes))
        .uid(name);
  }

  /**
   * Keeps the account that comes with each row of a fold as metrics, in the fold's own task.
   *
   * @param folded rows of the fold
   * @param type of the rows
   * @param position of the account in them (see {@link Account})
   * @param fold the fold's name
   * @param counters their names, in the account's order
   * @param watermarks whether the fold is given watermarks
   */
  public static DataStream<Row> accounted(
      DataStream<Row> folded,
      TypeInformation<Row> type,
      int position,
      String fold,
      List<String> counters,
      boolean watermarks) {
    Account account = new Account(position, fold, counters, watermarks);
    return folded.map(account).returns(type).name("account").uid(fold + ": account");
  }

  /**
   * @param position of the reply (see {@link Unpack}) in the rows
   * @return rows of topic, record time, key and value for {@link Topics#write}; in a chain of its own, so that sending
   *     goes on while the kernel folds the next block
   */
  public static DataStream<RowData> unpacked(DataStream<Row> replies, int position, String name) {
    InternalTypeInfo<RowData> type =
        InternalTypeInfo.ofFields(
            new LogicalType[] {TEXT, new LocalZonedTimestampType(3), BYTES, BYTES},
            new String[] {"topic", "ts", "k", "v"});
    return replies.flatMap(new Unpack(position)).returns(type).name(name).uid(name).startNewChain();
  }
}
