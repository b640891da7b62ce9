package io.polyglot.clickhouse;

import java.util.List;
import java.util.stream.IntStream;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/**
 * Rows as one block of ClickHouse's format Native: column by column, each with its name and its type.
 *
 * <p>The types are ours, and the server converts to those of its table: a text may hold a number too wide for Flink's
 * decimals. What it cannot convert is an error, but a negative number becomes a huge one in a column without a sign; versions
 * and counts have none. JSON, as rows, cost the server 1.8 times as much (docs/performance.md).
 */
final class NativeBlock {
    private static final int[] POWERS = {1, 10, 100, 1_000, 10_000, 100_000, 1_000_000};

    @FunctionalInterface
    private interface Value {
        void write(RowData row, int position, Bytes out);
    }

    /** @param empty what stands for a null among the values */
    private record Column(String name, String type, Value value, byte[] empty, Bytes values, Bytes nulls) {
        boolean hasNulls() {
            return nulls.any();
        }
    }

    private final List<Column> columns;
    private int rows;

    /** @throws ValidationException if a column's type has no form here */
    NativeBlock(RowType type) {
        columns = IntStream.range(0, type.getFieldCount())
                .mapToObj(i -> column(type.getFieldNames().get(i), type.getTypeAt(i))).toList();
    }

    void add(RowData row) {
        for (int i = 0; i < columns.size(); i++) {
            var column = columns.get(i);
            boolean missing = row.isNullAt(i);
            column.nulls.put((byte) (missing ? 1 : 0));
            if (missing) {
                column.values.put(column.empty);
            } else {
                column.value.write(row, i, column.values);
            }
        }
        rows++;
    }

    int rows() {
        return rows;
    }

    int size() {
        return columns.stream().mapToInt(column -> column.values.size()).sum();
    }

    byte[] toBytes() {
        var out = new Bytes();
        out.varint(columns.size());
        out.varint(rows);
        for (var column : columns) {
            out.text(column.name);
            out.text(column.hasNulls() ? "Nullable(" + column.type + ")" : column.type);
            if (column.hasNulls()) {
                out.put(column.nulls);
            }
            out.put(column.values);
        }
        return out.toArray();
    }

    void reset() {
        rows = 0;
        columns.forEach(column -> {
            column.values.reset();
            column.nulls.reset();
        });
    }

    private static Column column(String name, LogicalType type) {
        return switch (type.getTypeRoot()) {
            case CHAR, VARCHAR -> column(name, "String", 1, (row, i, out) -> out.text(row.getString(i).toBytes()));
            case BOOLEAN -> column(name, "Bool", 1, (row, i, out) -> out.put((byte) (row.getBoolean(i) ? 1 : 0)));
            case TINYINT -> column(name, "Int8", 1, (row, i, out) -> out.put(row.getByte(i)));
            case SMALLINT -> column(name, "Int16", 2, (row, i, out) -> out.number(row.getShort(i), 2));
            case INTEGER -> column(name, "Int32", 4, (row, i, out) -> out.number(row.getInt(i), 4));
            case BIGINT -> column(name, "Int64", 8, (row, i, out) -> out.number(row.getLong(i), 8));
            case FLOAT -> column(name, "Float32", 4, (row, i, out) -> out.number(Float.floatToRawIntBits(row.getFloat(i)), 4));
            case DOUBLE -> column(name, "Float64", 8, (row, i, out) -> out.number(Double.doubleToRawLongBits(row.getDouble(i)), 8));
            case DATE -> column(name, "Date32", 4, (row, i, out) -> out.number(row.getInt(i), 4));
            case DECIMAL -> decimal(name, (DecimalType) type);
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE -> timestamp(name, type);
            default -> throw refused(name, type);
        };
    }

    private static ValidationException refused(String name, LogicalType type) {
        return new ValidationException("Column '" + name + "': the ClickHouse sink cannot write " + type.asSummaryString());
    }

    private static Column column(String name, String type, int width, Value value) {
        return new Column(name, type, value, new byte[width], new Bytes(), new Bytes());
    }

    private static Column decimal(String name, DecimalType type) {
        int precision = type.getPrecision();
        int scale = type.getScale();
        int width = precision <= 9 ? 4 : precision <= 18 ? 8 : 16;
        return column(name, "Decimal(" + precision + ", " + scale + ")", width, (row, i, out) -> {
            var value = row.getDecimal(i, precision, scale);
            if (value.isCompact()) {
                out.number(value.toUnscaledLong(), width);
            } else {
                out.number(value.toUnscaledBytes(), width);
            }
        });
    }

    /** Without a zone of their own times are UTC; finer ones than microseconds would not reach as far as Flink's. */
    private static Column timestamp(String name, LogicalType type) {
        int precision = LogicalTypeChecks.getPrecision(type);
        if (precision >= POWERS.length) {
            throw refused(name, type);
        }
        return column(name, "DateTime64(" + precision + ", 'UTC')", 8,
                (row, i, out) -> out.number(ticks(row.getTimestamp(i, precision), precision), 8));
    }

    private static long ticks(TimestampData time, int precision) {
        return precision < 3
                ? Math.floorDiv(time.getMillisecond(), POWERS[3 - precision])
                : time.getMillisecond() * POWERS[precision - 3] + time.getNanoOfMillisecond() / POWERS[9 - precision];
    }
}
