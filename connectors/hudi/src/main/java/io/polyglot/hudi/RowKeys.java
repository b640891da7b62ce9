package io.polyglot.hudi;

import java.io.Serializable;
import java.time.LocalDate;
import java.util.List;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;
import org.apache.hudi.common.util.OrderingValues;
import org.apache.hudi.common.util.PartitionPathEncodeUtils;
import org.apache.hudi.keygen.KeyGenerator;
import org.apache.hudi.keygen.constant.KeyGeneratorType;

/** Record key, partition path and ordering value of a row, spelled as Hudi's own key generators spell them. */
final class RowKeys {
    private record Part(String name, int index, LogicalType type) implements Serializable {}

    private final List<Part> key;
    private final List<Part> partition;
    private final List<Part> ordering;
    private final KeyGeneratorType generator;
    private final boolean hiveStyle;

    private RowKeys(TableSpec spec) {
        this.key = parts(spec, spec.keyFields());
        this.partition = parts(spec, spec.partitionFields());
        this.ordering = parts(spec, spec.orderingFields());
        this.generator = partition.isEmpty()
                ? KeyGeneratorType.NON_PARTITION
                : key.size() == 1 && partition.size() == 1 ? KeyGeneratorType.SIMPLE : KeyGeneratorType.COMPLEX;
        this.hiveStyle = Boolean.parseBoolean(spec.hoodie().get("hoodie.datasource.write.hive_style_partitioning"));
        ordering.forEach(RowKeys::requireNumber);
    }

    static RowKeys of(TableSpec spec) {
        return new RowKeys(spec);
    }

    KeyGeneratorType generator() {
        return generator;
    }

    boolean hiveStyle() {
        return hiveStyle;
    }

    boolean hasKey() {
        return !key.isEmpty();
    }

    String recordKey(RowData row) {
        if (key.size() == 1 && generator != KeyGeneratorType.COMPLEX) {
            var only = key.get(0);
            var value = text(row, only);
            if (value == null || value.isEmpty()) {
                throw new IllegalArgumentException("record key '" + only.name + "' is " + (value == null ? "null" : "empty"));
            }
            return value;
        }
        var result = new StringBuilder();
        for (var part : key) {
            var value = text(row, part);
            result.append(result.isEmpty() ? "" : ",").append(part.name).append(':').append(
                    value == null ? KeyGenerator.NULL_RECORDKEY_PLACEHOLDER
                            : value.isEmpty() ? KeyGenerator.EMPTY_RECORDKEY_PLACEHOLDER : value);
        }
        return result.toString();
    }

    String partitionPath(RowData row) {
        var result = new StringBuilder();
        for (var part : partition) {
            var value = text(row, part);
            result.append(result.isEmpty() ? "" : "/").append(hiveStyle ? part.name + "=" : "").append(
                    value == null || value.isEmpty()
                            ? PartitionPathEncodeUtils.DEFAULT_PARTITION_PATH
                            : PartitionPathEncodeUtils.escapePathName(value));
        }
        return result.toString();
    }

    /** The value that decides between two rows of one key; without ordering columns the later row wins. */
    Comparable<?> ordering(RowData row) {
        if (ordering.isEmpty()) {
            return OrderingValues.getDefault();
        }
        return OrderingValues.create(ordering.stream().map(part -> number(row, part)).toArray(Comparable[]::new));
    }

    private static List<Part> parts(TableSpec spec, List<String> names) {
        RowType row = spec.rowType();
        return names.stream().map(n -> new Part(n, row.getFieldIndex(n), row.getTypeAt(row.getFieldIndex(n)))).toList();
    }

    private static String text(RowData row, Part part) {
        int i = part.index;
        if (row.isNullAt(i)) {
            return null;
        }
        return switch (part.type.getTypeRoot()) {
            case CHAR, VARCHAR -> row.getString(i).toString();
            case BOOLEAN -> String.valueOf(row.getBoolean(i));
            case DATE -> LocalDate.ofEpochDay(row.getInt(i)).toString();
            case DECIMAL -> {
                var decimal = (DecimalType) part.type;
                yield row.getDecimal(i, decimal.getPrecision(), decimal.getScale()).toBigDecimal().toString();
            }
            case INTEGER, BIGINT, TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE ->
                    number(row, part).toString();
            default -> throw new ValidationException(
                    "column '" + part.name + "' of type " + part.type.asSummaryString() + " cannot be part of a key");
        };
    }

    private static Comparable<?> number(RowData row, Part part) {
        int i = part.index;
        if (row.isNullAt(i)) {
            throw new IllegalArgumentException("ordering column '" + part.name + "' is null");
        }
        return switch (part.type.getTypeRoot()) {
            case INTEGER, DATE -> row.getInt(i);
            case BIGINT -> row.getLong(i);
            default -> {
                int precision = LogicalTypeChecks.getPrecision(part.type);
                yield precision == 3
                        ? row.getTimestamp(i, precision).getMillisecond()
                        : RowCodec.micros(row.getTimestamp(i, precision));
            }
        };
    }

    private static void requireNumber(Part part) {
        switch (part.type.getTypeRoot()) {
            case INTEGER, DATE, BIGINT, TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE -> { }
            default -> throw new ValidationException("ordering column '" + part.name + "' has type "
                    + part.type.asSummaryString() + "; allowed: INT, BIGINT, DATE, TIMESTAMP, TIMESTAMP_LTZ");
        }
    }
}
