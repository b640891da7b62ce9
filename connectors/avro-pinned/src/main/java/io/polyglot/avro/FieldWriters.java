package io.polyglot.avro;

import java.math.BigDecimal;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/** Chooses, once per column, how its values are written under the contract's schema. */
final class FieldWriters {
    private FieldWriters() {}

    /** @throws ValidationException if some value of the column has no exact form under {@code schema} */
    static FieldWriter create(String field, Schema schema, LogicalType column) {
        FieldWriter value = plain(field, FieldReaders.nonNull(field, schema), column);
        if (schema.getType() != Schema.Type.UNION) {
            return (row, i, out) -> {
                if (row.isNullAt(i)) {
                    throw new WireException("null in column '" + field + "', which the contract does not allow");
                }
                value.write(row, i, out);
            };
        }
        if (schema.getTypes().size() == 1) {
            throw new ValidationException("Field '" + field + "': a union of one type is not supported: " + schema);
        }
        int nullBranch = schema.getIndexNamed("null");
        int valueBranch = 1 - nullBranch;
        return (row, i, out) -> {
            boolean isNull = row.isNullAt(i);
            out.zigzag(isNull ? nullBranch : valueBranch);
            if (!isNull) {
                value.write(row, i, out);
            }
        };
    }

    private static FieldWriter plain(String field, Schema schema, LogicalType column) {
        boolean text = column.is(LogicalTypeRoot.VARCHAR) || column.is(LogicalTypeRoot.CHAR);
        FieldWriter result = switch (schema.getType()) {
            case BOOLEAN -> column.is(LogicalTypeRoot.BOOLEAN) ? (row, i, out) -> out.bool(row.getBoolean(i)) : null;
            case INT -> column.is(LogicalTypeRoot.INTEGER) || isDate(schema, column)
                    ? (row, i, out) -> out.zigzag(row.getInt(i)) : null;
            case LONG -> integer(schema, column);
            case FLOAT -> column.is(LogicalTypeRoot.FLOAT) ? (row, i, out) -> out.float32(row.getFloat(i)) : null;
            case DOUBLE -> column.is(LogicalTypeRoot.DOUBLE) ? (row, i, out) -> out.float64(row.getDouble(i))
                    : column.is(LogicalTypeRoot.FLOAT) ? (row, i, out) -> out.float64(row.getFloat(i)) : null;
            case STRING -> text ? (row, i, out) -> out.bytes(row.getString(i).toBytes()) : null;
            case BYTES -> bytes(schema, column, text);
            case ENUM -> text ? symbol(schema) : null;
            default -> null;
        };
        if (result == null) {
            throw FieldReaders.mismatch(field, schema, column);
        }
        return result;
    }

    private static boolean isDate(Schema schema, LogicalType column) {
        return column.is(LogicalTypeRoot.DATE) && schema.getLogicalType() instanceof LogicalTypes.Date;
    }

    private static FieldWriter integer(Schema schema, LogicalType column) {
        if (column.is(LogicalTypeRoot.BIGINT)) {
            return (row, i, out) -> out.zigzag(row.getLong(i));
        }
        if (column.is(LogicalTypeRoot.INTEGER)) {
            return (row, i, out) -> out.zigzag(row.getInt(i));
        }
        boolean micros = schema.getLogicalType() instanceof LogicalTypes.TimestampMicros;
        boolean millis = schema.getLogicalType() instanceof LogicalTypes.TimestampMillis;
        int maxPrecision = micros ? 6 : 3;
        if (!(micros || millis)
                || !Timestamps.isTimestamp(column)
                || LogicalTypeChecks.getPrecision(column) > maxPrecision) {
            return null;
        }
        int precision = LogicalTypeChecks.getPrecision(column);
        return (row, i, out) -> {
            TimestampData value = row.getTimestamp(i, precision);
            out.zigzag(micros
                    ? Math.addExact(
                            Math.multiplyExact(value.getMillisecond(), 1_000L), value.getNanoOfMillisecond() / 1_000)
                    : value.getMillisecond());
        };
    }

    private static FieldWriter bytes(Schema schema, LogicalType column, boolean text) {
        if (schema.getLogicalType() instanceof LogicalTypes.Decimal type) {
            return decimal(type, column, text);
        }
        boolean binary = column.is(LogicalTypeRoot.VARBINARY) || column.is(LogicalTypeRoot.BINARY);
        return binary ? (row, i, out) -> out.bytes(row.getBinary(i))
                : text ? (row, i, out) -> out.bytes(row.getString(i).toBytes()) : null;
    }

    private static FieldWriter decimal(LogicalTypes.Decimal type, LogicalType column, boolean text) {
        if (text) {
            // Decimals wider than Flink's 38 digits travel as text; here each value is checked.
            return (row, i, out) -> out.bytes(Decimals.unscaled(parse(row.getString(i).toString()), type));
        }
        if (!(column instanceof DecimalType source)) {
            return null;
        }
        int precision = source.getPrecision();
        int scale = source.getScale();
        return scale <= type.getScale()
                ? (row, i, out) ->
                        out.bytes(Decimals.unscaled(row.getDecimal(i, precision, scale).toBigDecimal(), type))
                : null;
    }

    private static BigDecimal parse(String text) {
        try {
            return new BigDecimal(text);
        } catch (NumberFormatException e) {
            throw new WireException("'" + text + "' is not a decimal number", e);
        }
    }

    private static FieldWriter symbol(Schema schema) {
        return (row, i, out) -> {
            String value = row.getString(i).toString();
            if (!schema.hasEnumSymbol(value)) {
                throw new WireException("'" + value + "' is none of " + schema.getEnumSymbols());
            }
            out.zigzag(schema.getEnumOrdinal(value));
        };
    }
}
