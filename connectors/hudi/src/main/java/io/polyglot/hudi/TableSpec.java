package io.polyglot.hudi;

import java.io.Serializable;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.types.logical.RowType;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;

/**
 * What a job says about one table, checked.
 *
 * @param hoodie Hudi's own settings; they override the connector's defaults
 * @param added columns that the table's first version did not have
 */
record TableSpec(
        String path,
        String name,
        HoodieTableType type,
        WriteOperationType operation,
        RowType rowType,
        List<String> keyFields,
        List<String> partitionFields,
        List<String> orderingFields,
        Map<String, String> hoodie,
        List<String> added)
        implements Serializable {

    TableSpec {
        requireColumns("record key", keyFields, rowType);
        requireColumns("partition", partitionFields, rowType);
        requireColumns("ordering", orderingFields, rowType);
        requireColumns("list of added columns", added, rowType);
        if (operation == WriteOperationType.UPSERT && keyFields.isEmpty()) {
            throw new ValidationException("an upsert needs a record key");
        }
    }

    TableSpec(
            String path,
            String name,
            HoodieTableType type,
            WriteOperationType operation,
            RowType rowType,
            List<String> keyFields,
            List<String> partitionFields,
            List<String> orderingFields,
            Map<String, String> hoodie) {
        this(path, name, type, operation, rowType, keyFields, partitionFields, orderingFields, hoodie, List.of());
    }

    /** The columns of the table's first version. */
    List<String> first() {
        return rowType.getFieldNames().stream().filter(column -> !added.contains(column)).toList();
    }

    boolean isUpsert() {
        return operation == WriteOperationType.UPSERT;
    }

    private static void requireColumns(String what, List<String> columns, RowType rowType) {
        var unknown = columns.stream().filter(c -> !rowType.getFieldNames().contains(c)).toList();
        if (!unknown.isEmpty()) {
            throw new ValidationException("the " + what + " names " + unknown + "; the table's columns are "
                    + rowType.getFieldNames());
        }
        if (new HashSet<>(columns).size() != columns.size()) {
            throw new ValidationException("the " + what + " names a column twice: " + columns);
        }
    }
}
