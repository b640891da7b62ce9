package io.polyglot.clickhouse;

import java.util.Map;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;

/** Streams into ClickHouse; called through PyFlink's gateway. Names are uids as well. */
public final class ClickHouse {
    private ClickHouse() {}

    /**
     * Inserts rows into the columns of the same names; the table's engine keeps the highest version of a key.
     *
     * @param options see {@link ClickHouseOptions}
     */
    public static void insert(DataStream<RowData> rows, String name, Map<String, String> options) {
        var columns = ((InternalTypeInfo<RowData>) rows.getType()).toRowType();
        rows.sinkTo(new ClickHouseSink(ClickHouseOptions.of(options), columns)).name(name).uid(name);
    }
}
