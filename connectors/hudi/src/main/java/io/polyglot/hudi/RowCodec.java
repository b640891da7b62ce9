package io.polyglot.hudi;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.util.Utf8;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/**
 * Flink row to Avro values, column by column, under the schema Hudi stores.
 *
 * <p>Timestamps with and without zone both become Avro instants (UTC), as in the official connector: Spark then reads
 * a TIMESTAMP; use a UTC session there.
 */
final class RowCodec {
    /** The Avro value of one column; null only when the column is. */
    interface Column {
        Object value(RowData row);
    }

    private final Schema schema;
    private final Column[] columns;

    private RowCodec(Schema schema, Column[] columns) {
        this.schema = schema;
        this.columns = columns;
    }

    static RowCodec of(TableSpec spec) {
        var name = spec.name().replaceAll("[^A-Za-z0-9_]", "_");
        var record = name + "_record";
        var namespace = "hoodie." + name;
        var rowType = spec.rowType();
        var fields = rowType.getFields().stream()
                .map(f -> field(f, namespace + "." + record + "." + f.getName()))
                .toList();
        var columns = new Column[fields.size()];
        for (int i = 0; i < columns.length; i++) {
            columns[i] = column(i, rowType.getTypeAt(i), nonNull(fields.get(i).schema()));
        }
        return new RowCodec(Schema.createRecord(record, null, namespace, false, fields), columns);
    }

    Schema schema() {
        return schema;
    }

    int size() {
        return columns.length;
    }

    Object value(RowData row, int column) {
        return columns[column].value(row);
    }

    GenericData.Record toAvro(RowData row) {
        var record = new GenericData.Record(schema);
        for (int i = 0; i < columns.length; i++) {
            record.put(i, columns[i].value(row));
        }
        return record;
    }

    private static Schema.Field field(RowType.RowField field, String namespace) {
        var type = avroType(field.getName(), field.getType(), namespace);
        if (!field.getType().isNullable()) {
            return new Schema.Field(field.getName(), type, null, (Object) null);
        }
        var union = Schema.createUnion(List.of(Schema.create(Schema.Type.NULL), type));
        return new Schema.Field(field.getName(), union, null, Schema.Field.NULL_DEFAULT_VALUE);
    }

    private static Schema nonNull(Schema schema) {
        return schema.isUnion() ? schema.getTypes().get(1) : schema;
    }

    private static Schema avroType(String column, LogicalType type, String namespace) {
        return switch (type.getTypeRoot()) {
            case CHAR, VARCHAR -> Schema.create(Schema.Type.STRING);
            case BOOLEAN -> Schema.create(Schema.Type.BOOLEAN);
            case INTEGER -> Schema.create(Schema.Type.INT);
            case BIGINT -> Schema.create(Schema.Type.LONG);
            case FLOAT -> Schema.create(Schema.Type.FLOAT);
            case DOUBLE -> Schema.create(Schema.Type.DOUBLE);
            case BINARY, VARBINARY -> Schema.create(Schema.Type.BYTES);
            case DATE -> LogicalTypes.date().addToSchema(Schema.create(Schema.Type.INT));
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE -> switch (precision(column, type)) {
                case 3 -> LogicalTypes.timestampMillis().addToSchema(Schema.create(Schema.Type.LONG));
                default -> LogicalTypes.timestampMicros().addToSchema(Schema.create(Schema.Type.LONG));
            };
            case DECIMAL -> {
                var decimal = (DecimalType) type;
                var fixed = Schema.createFixed("fixed", null, namespace, bytesFor(decimal.getPrecision()));
                yield LogicalTypes.decimal(decimal.getPrecision(), decimal.getScale()).addToSchema(fixed);
            }
            default -> throw unsupported(column, type);
        };
    }

    private static Column column(int i, LogicalType type, Schema avro) {
        var present = presentColumn(i, type, avro);
        return type.isNullable() ? row -> row.isNullAt(i) ? null : present.value(row) : present;
    }

    private static Column presentColumn(int i, LogicalType type, Schema avro) {
        return switch (type.getTypeRoot()) {
            case CHAR, VARCHAR -> row -> new Utf8(row.getString(i).toBytes());
            case BOOLEAN -> row -> row.getBoolean(i);
            case INTEGER, DATE -> row -> row.getInt(i);
            case BIGINT -> row -> row.getLong(i);
            case FLOAT -> row -> row.getFloat(i);
            case DOUBLE -> row -> row.getDouble(i);
            case BINARY, VARBINARY -> row -> ByteBuffer.wrap(row.getBinary(i));
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE -> {
                int precision = LogicalTypeChecks.getPrecision(type);
                yield precision == 3
                        ? row -> row.getTimestamp(i, precision).getMillisecond()
                        : row -> micros(row.getTimestamp(i, precision));
            }
            case DECIMAL -> {
                var decimal = (DecimalType) type;
                int precision = decimal.getPrecision();
                int scale = decimal.getScale();
                yield row -> fixed(row.getDecimal(i, precision, scale), avro);
            }
            default -> throw new IllegalStateException("no converter for " + type);
        };
    }

    /** Only what Hudi stores without loss: milliseconds and microseconds. */
    private static int precision(String column, LogicalType type) {
        int precision = LogicalTypeChecks.getPrecision(type);
        if (precision != 3 && precision != 6) {
            throw unsupported(column, type);
        }
        return precision;
    }

    private static ValidationException unsupported(String column, LogicalType type) {
        return new ValidationException("column '" + column + "' has type " + type.asSummaryString()
                + "; the hudi sink stores STRING, BOOLEAN, INT, BIGINT, FLOAT, DOUBLE, DATE, TIMESTAMP(3|6), "
                + "TIMESTAMP_LTZ(3|6), DECIMAL and BYTES");
    }

    static long micros(TimestampData time) {
        return time.getMillisecond() * 1000L + time.getNanoOfMillisecond() / 1000;
    }

    /** Smallest two's complement width that holds every unscaled value of this precision; Spark expects just this. */
    private static int bytesFor(int precision) {
        int bytes = 1;
        while (Math.pow(2.0, 8 * bytes - 1) < Math.pow(10.0, precision)) {
            bytes++;
        }
        return bytes;
    }

    private static GenericData.Fixed fixed(DecimalData value, Schema avro) {
        var bytes = new byte[avro.getFixedSize()];
        if (value.isCompact()) {
            long unscaled = value.toUnscaledLong();
            for (int i = bytes.length - 1; i >= 0; i--) {
                bytes[i] = (byte) unscaled;
                unscaled >>= 8;
            }
        } else {
            var unscaled = value.toUnscaledBytes();
            Arrays.fill(bytes, 0, bytes.length - unscaled.length, (byte) (unscaled[0] >> 7));
            System.arraycopy(unscaled, 0, bytes, bytes.length - unscaled.length, unscaled.length);
        }
        return new GenericData.Fixed(avro, bytes);
    }
}
