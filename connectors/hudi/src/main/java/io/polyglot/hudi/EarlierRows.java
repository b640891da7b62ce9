package io.polyglot.hudi;

import java.io.IOException;
import java.util.List;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;

/**
 * Rows that were saved when the table had fewer columns, as rows of today: a savepoint is committed by the version that is
 * started from it. Columns that they lack are null.
 */
final class EarlierRows {
    private final RowDataSerializer serializer;
    private final RowData.FieldGetter[] fields;
    private final int[] targets;
    private final int size;

    private EarlierRows(RowType today, List<String> columns) {
        var types = columns.stream().map(today::getFieldIndex).map(today::getTypeAt).toList();
        serializer = new RowDataSerializer(RowType.of(types.toArray(LogicalType[]::new)));
        fields = new RowData.FieldGetter[columns.size()];
        targets = new int[columns.size()];
        for (int i = 0; i < fields.length; i++) {
            fields[i] = RowData.createFieldGetter(types.get(i), i);
            targets[i] = today.getFieldIndex(columns.get(i));
        }
        size = today.getFieldCount();
    }

    /**
     * @param columns of the rows; none: those of the table's first version
     * @return null if these are today's columns
     */
    static EarlierRows of(TableSpec spec, List<String> columns) throws IOException {
        var today = spec.rowType().getFieldNames();
        var found = columns.isEmpty() ? spec.first() : columns;
        if (found.equals(today)) {
            return null;
        }
        if (!today.containsAll(found)) {
            throw new IOException("rows of " + spec.name() + " were saved with the columns " + found
                    + ", of which this version has only " + today);
        }
        return new EarlierRows(spec.rowType(), found);
    }

    RowData read(DataInputDeserializer in) throws IOException {
        var saved = serializer.deserialize(in);
        var row = new GenericRowData(size);
        for (int i = 0; i < fields.length; i++) {
            row.setField(targets[i], fields[i].getFieldOrNull(saved));
        }
        return row;
    }
}
