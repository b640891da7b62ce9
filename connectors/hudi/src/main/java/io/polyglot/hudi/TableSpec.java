package io.polyglot.hudi;

import java.io.Serializable;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.types.logical.RowType;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;

/**
 * What the DDL says about one table, checked.
 *
 * @param hoodie {@code hoodie.*} options as given; they override the connector's defaults
 * @param hadoop Hadoop settings, prefix removed
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
        Map<String, String> hadoop)
        implements Serializable {

    TableSpec {
        requireColumns(HudiOptions.RECORD_KEY.key(), keyFields, rowType);
        requireColumns("PARTITIONED BY", partitionFields, rowType);
        requireColumns(HudiOptions.ORDERING_FIELDS.key(), orderingFields, rowType);
        if (operation == WriteOperationType.UPSERT && keyFields.isEmpty()) {
            throw new ValidationException("write.operation = upsert needs a PRIMARY KEY or '"
                    + HudiOptions.RECORD_KEY.key() + "'");
        }
    }

    boolean isUpsert() {
        return operation == WriteOperationType.UPSERT;
    }

    static HoodieTableType parseType(String value) {
        try {
            return HoodieTableType.valueOf(value.toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw oneOf(HudiOptions.TABLE_TYPE.key(), "COPY_ON_WRITE, MERGE_ON_READ", value);
        }
    }

    static WriteOperationType parseOperation(String value) {
        if (!value.equalsIgnoreCase("upsert")) {
            throw new ValidationException("'" + HudiOptions.OPERATION.key() + "' must be upsert, is '" + value
                    + "'; facts that are only appended come as files, by 'connector' = 'hudi-files'");
        }
        return WriteOperationType.UPSERT;
    }

    private static ValidationException oneOf(String option, String allowed, String value) {
        return new ValidationException("'" + option + "' must be one of " + allowed + ", is '" + value + "'");
    }

    private static void requireColumns(String option, List<String> columns, RowType rowType) {
        var unknown = columns.stream().filter(c -> !rowType.getFieldNames().contains(c)).toList();
        if (!unknown.isEmpty()) {
            throw new ValidationException("'" + option + "' names " + unknown + "; the table's columns are "
                    + rowType.getFieldNames());
        }
        if (new HashSet<>(columns).size() != columns.size()) {
            throw new ValidationException("'" + option + "' names a column twice: " + columns);
        }
    }
}
