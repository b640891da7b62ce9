package io.polyglot.hudi;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.flink.types.Row;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;

/** Streams into tables of the lake; called through PyFlink's gateway. Names are uids as well. */
public final class Lake {
    /** Hudi allows one writer per table without locks, and one instant per commit needs one owner. */
    private static final int ONE_WRITER = 1;

    private Lake() {}

    /**
     * Upserts rows into a table in which the highest version of a key wins. In front of their own columns it has the key,
     * behind them the partition: see {@link KeyAndDate}.
     *
     * @param keyColumn what the table calls the key
     * @param key the columns that are joined to it
     * @param dateColumn what the table calls the partition
     * @param time the column whose UTC date it is
     * @param version the column that decides between rows of one key
     */
    public static void upsert(
            DataStream<RowData> rows, String name, String path, String table, String keyColumn, List<String> key,
            String dateColumn, String time, String version) {
        upsert(rows, name, path, table, keyColumn, key, dateColumn, time, version, List.of());
    }

    /** @param added columns that the table's first version did not have: rows that were saved by then lack them */
    public static void upsert(
            DataStream<RowData> rows, String name, String path, String table, String keyColumn, List<String> key,
            String dateColumn, String time, String version, List<String> added) {
        var keyed = KeyAndDate.of(((InternalTypeInfo<RowData>) rows.getType()).toRowType(), keyColumn, key, dateColumn, time);
        // A commit costs what its rows cost, whatever the table holds; copy-on-write would rewrite the day.
        var spec = new TableSpec(path, table, HoodieTableType.MERGE_ON_READ, WriteOperationType.UPSERT, keyed.columns(),
                List.of(keyColumn), List.of(dateColumn), List.of(version), Map.of(), List.copyOf(added));
        var step = name + ": key and date";
        upsert(rows.map(keyed).name(step).uid(step).setParallelism(ONE_WRITER), name, spec);
    }

    static void upsert(DataStream<RowData> rows, String name, TableSpec spec) {
        compile(spec);
        rows.sinkTo(new HudiSink(spec)).name(name).uid(name).setParallelism(ONE_WRITER);
    }

    /**
     * Appends facts that come as complete Parquet files. There are as many writers as tasks before them.
     *
     * @param position of the files ({@link LakeFile#read}) in the rows; null: none
     * @param columns of the table, as in a CREATE TABLE: name and type, comma separated
     * @param key the column that is the record key
     * @param partition the column whose values are the partitions' paths
     * @param former ids of the job's runs before this one; what they committed behind the checkpoint that it goes on
     *     from is taken back, for it comes again
     */
    public static void append(
            DataStream<Row> rows, int position, String name, String path, String table, String columns, String key,
            String partition, List<String> former) {
        var row = (RowType) LogicalTypeParser.parse("ROW<" + columns + ">", Lake.class.getClassLoader());
        var spec = new TableSpec(path, table, HoodieTableType.COPY_ON_WRITE, WriteOperationType.BULK_INSERT, row,
                List.of(key), List.of(partition), List.of(), Map.of());
        compile(spec);
        rows.sinkTo(new FilesSink(spec, position, Set.copyOf(former))).name(name).uid(name);
    }

    /** So that a column type that the sink cannot store fails where the job is built, not where it runs. */
    private static void compile(TableSpec spec) {
        RowCodec.of(spec);
        RowKeys.of(spec);
    }
}
