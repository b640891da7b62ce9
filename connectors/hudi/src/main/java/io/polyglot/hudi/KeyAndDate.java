package io.polyglot.hudi;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.VarCharType;

/**
 * Puts a key in front of a row, and a date behind it.
 *
 * @param columns what comes out
 * @param fields of what comes in
 * @param key positions of the fields whose texts, joined by {@code |}, are the key
 * @param time position of the time in µs whose date (UTC, yyyy-MM-dd) is put behind
 */
record KeyAndDate(RowType columns, RowData.FieldGetter[] fields, int[] key, int time)
        implements MapFunction<RowData, RowData>, ResultTypeQueryable<RowData> {
    private static final long MICROS_PER_DAY = 86_400_000_000L;

    /** @throws ValidationException if a column is not there, or is of another type than a text or a 64-bit integer */
    static KeyAndDate of(RowType row, String keyColumn, List<String> key, String dateColumn, String time) {
        var columns = new ArrayList<>(row.getFields());
        columns.add(0, new RowType.RowField(keyColumn, VarCharType.STRING_TYPE));
        columns.add(new RowType.RowField(dateColumn, VarCharType.STRING_TYPE));
        var fields = IntStream.range(0, row.getFieldCount())
                .mapToObj(i -> RowData.createFieldGetter(row.getTypeAt(i), i)).toArray(RowData.FieldGetter[]::new);
        var parts = key.stream().mapToInt(name -> position(row, name, LogicalTypeRoot.VARCHAR, LogicalTypeRoot.BIGINT)).toArray();
        return new KeyAndDate(new RowType(columns), fields, parts, position(row, time, LogicalTypeRoot.BIGINT));
    }

    private static int position(RowType row, String name, LogicalTypeRoot... allowed) {
        int found = row.getFieldIndex(name);
        if (found < 0 || !List.of(allowed).contains(row.getTypeAt(found).getTypeRoot())) {
            throw new ValidationException("'" + name + "' must be one of " + List.of(allowed) + "; columns are " + row.asSummaryString());
        }
        return found;
    }

    @Override
    public RowData map(RowData row) {
        var out = new GenericRowData(fields.length + 2);
        for (int i = 0; i < fields.length; i++) {
            out.setField(i + 1, fields[i].getFieldOrNull(row));
        }
        var text = new StringBuilder();
        for (int part : key) {
            if (row.isNullAt(part)) {
                throw new IllegalArgumentException("'" + columns.getFieldNames().get(part + 1) + "' is part of the key, and null");
            }
            text.append(text.isEmpty() ? "" : "|").append(out.getField(part + 1));
        }
        out.setField(0, StringData.fromString(text.toString()));
        var date = LocalDate.ofEpochDay(Math.floorDiv(row.getLong(time), MICROS_PER_DAY));
        out.setField(fields.length + 1, StringData.fromString(date.toString()));
        return out;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
        return InternalTypeInfo.of(columns);
    }
}
