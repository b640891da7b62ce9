package io.polyglot.clickhouse;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.util.List;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/**
 * Rows as JSONEachRow lines.
 *
 * <p>Decimals and 64-bit integers are text in quotes, so no reader takes them for floats, and a STRING column may hold a
 * number too wide for Flink's decimals. Times are written in UTC; the target columns carry the zone UTC.
 */
final class JsonRows implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final byte[] NULL = "null".getBytes(StandardCharsets.US_ASCII);
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSSSSSSS");
    /** Length of the format above without its fraction. */
    private static final int SECONDS = 19;

    private final RowType type;
    private transient Field[] fields;
    private transient byte[][] keys;

    /** @throws ValidationException if a column's type has no form in JSONEachRow here */
    JsonRows(RowType type) {
        this.type = type;
        prepare();
    }

    List<String> columns() {
        return type.getFieldNames();
    }

    void write(RowData row, JsonBuffer out) {
        if (fields == null) {
            prepare();
        }
        for (int i = 0; i < fields.length; i++) {
            out.raw(keys[i]);
            if (row.isNullAt(i)) {
                out.raw(NULL);
            } else {
                fields[i].write(row, i, out);
            }
        }
        out.raw('}');
        out.raw('\n');
    }

    private void prepare() {
        fields = new Field[type.getFieldCount()];
        keys = new byte[type.getFieldCount()][];
        for (int i = 0; i < fields.length; i++) {
            fields[i] = field(columns().get(i), type.getTypeAt(i));
            JsonBuffer key = new JsonBuffer();
            key.raw(i == 0 ? '{' : ',');
            key.string(columns().get(i).getBytes(StandardCharsets.UTF_8));
            key.raw(':');
            keys[i] = key.toBytes();
        }
    }

    private static Field field(String name, LogicalType type) {
        return switch (type.getTypeRoot()) {
            case CHAR, VARCHAR -> (row, i, out) -> out.string(row.getString(i).toBytes());
            case BOOLEAN -> (row, i, out) -> out.ascii(row.getBoolean(i) ? "true" : "false");
            case TINYINT -> (row, i, out) -> out.ascii(Byte.toString(row.getByte(i)));
            case SMALLINT -> (row, i, out) -> out.ascii(Short.toString(row.getShort(i)));
            case INTEGER -> (row, i, out) -> out.ascii(Integer.toString(row.getInt(i)));
            case BIGINT -> (row, i, out) -> out.quotedAscii(Long.toString(row.getLong(i)));
            case FLOAT -> (row, i, out) -> out.quotedAscii(Float.toString(row.getFloat(i)));
            case DOUBLE -> (row, i, out) -> out.quotedAscii(Double.toString(row.getDouble(i)));
            case DATE -> (row, i, out) -> out.quotedAscii(LocalDate.ofEpochDay(row.getInt(i)).toString());
            case DECIMAL -> decimal((DecimalType) type);
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE -> timestamp(type);
            default -> throw new ValidationException("Column '" + name + "': the ClickHouse sink cannot write "
                    + type.asSummaryString());
        };
    }

    private static Field decimal(DecimalType type) {
        int precision = type.getPrecision();
        int scale = type.getScale();
        return (row, i, out) -> out.quotedAscii(row.getDecimal(i, precision, scale).toBigDecimal().toPlainString());
    }

    private static Field timestamp(LogicalType type) {
        int precision = LogicalTypeChecks.getPrecision(type);
        int length = precision == 0 ? SECONDS : SECONDS + 1 + precision;
        return (row, i, out) ->
                out.quotedAscii(TIME.format(row.getTimestamp(i, precision).toLocalDateTime()).substring(0, length));
    }

    @FunctionalInterface
    private interface Field {
        void write(RowData row, int position, JsonBuffer out);
    }
}
