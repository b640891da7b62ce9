package io.polyglot.avro;

import java.util.List;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/**
 * Chooses, once per writer schema and column, how a value is read.
 *
 * <p>The wire form is the writer's; the meaning (logical type) is the reader's; the result is the column's.
 */
final class FieldReaders {
    private FieldReaders() {}

    /**
     * A reader for {@code writer} on the wire.
     *
     * @param reader the newest contract's schema of the same field; its logical type gives the meaning
     * @throws ValidationException if the column's type cannot hold each value exactly
     */
    static FieldReader create(String field, Schema writer, Schema reader, LogicalType column) {
        if (writer.getType() == Schema.Type.UNION) {
            return union(field, writer, reader, column);
        }
        Schema meaning = nonNull(field, reader);
        org.apache.avro.LogicalType logical = meaning.getLogicalType();
        FieldReader result = switch (writer.getType()) {
            case NULL -> in -> null;
            case BOOLEAN -> column.is(LogicalTypeRoot.BOOLEAN) ? WireReader::bool : null;
            case INT -> integer(logical, column);
            case LONG -> logical instanceof LogicalTypes.TimestampMicros ? timestamp(1_000_000, column)
                    : logical instanceof LogicalTypes.TimestampMillis ? timestamp(1_000, column)
                    : column.is(LogicalTypeRoot.BIGINT) ? WireReader::zigzagLong : null;
            case FLOAT -> column.is(LogicalTypeRoot.FLOAT) ? WireReader::float32
                    : column.is(LogicalTypeRoot.DOUBLE) ? in -> (double) in.float32() : null;
            case DOUBLE -> column.is(LogicalTypeRoot.DOUBLE) ? WireReader::float64 : null;
            case STRING, BYTES -> blob(WireReader::slice, logical, column);
            case FIXED -> {
                int size = writer.getFixedSize();
                yield blob(in -> in.slice(size), logical, column);
            }
            case ENUM -> symbol(writer.getEnumSymbols(), column);
            default -> null;
        };
        if (result == null) {
            throw mismatch(field, meaning, column);
        }
        return result;
    }

    /** A reader that moves past a value of {@code schema}. */
    static FieldReader skipper(Schema schema) {
        return switch (schema.getType()) {
            case NULL -> in -> null;
            case BOOLEAN -> WireReader::bool;
            case INT, LONG, ENUM -> WireReader::zigzagLong;
            case FLOAT -> in -> skip(in, 4);
            case DOUBLE -> in -> skip(in, 8);
            case STRING, BYTES -> in -> skip(in, in.zigzagLong());
            case FIXED -> in -> skip(in, schema.getFixedSize());
            case UNION -> branches(schema.getTypes().stream().map(FieldReaders::skipper).toList());
            case RECORD -> sequence(schema.getFields().stream().map(f -> skipper(f.schema())).toList());
            case ARRAY -> blocks(skipper(schema.getElementType()));
            case MAP -> blocks(sequence(List.of(
                    skipper(Schema.create(Schema.Type.STRING)), skipper(schema.getValueType()))));
        };
    }

    /** The schema under a nullable union; itself if it is no union. */
    static Schema nonNull(String field, Schema schema) {
        if (schema.getType() != Schema.Type.UNION) {
            return schema;
        }
        List<Schema> branches =
                schema.getTypes().stream().filter(s -> s.getType() != Schema.Type.NULL).toList();
        if (branches.size() != 1) {
            throw new ValidationException(
                    "Field '" + field + "': a union of several types has no column type: " + schema);
        }
        return branches.get(0);
    }

    static ValidationException mismatch(String field, Schema schema, LogicalType column) {
        return new ValidationException("Field '" + field + "': a column of type " + column.asSummaryString()
                + " cannot hold Avro " + schema + " exactly");
    }

    private static FieldReader union(String field, Schema writer, Schema reader, LogicalType column) {
        return branches(writer.getTypes().stream().map(branch -> create(field, branch, reader, column)).toList());
    }

    private static FieldReader branches(List<FieldReader> readers) {
        FieldReader[] table = readers.toArray(FieldReader[]::new);
        return in -> {
            long branch = in.zigzagLong();
            if (branch < 0 || branch >= table.length) {
                throw new WireException("union branch " + branch + " of " + table.length);
            }
            return table[(int) branch].read(in);
        };
    }

    private static FieldReader integer(org.apache.avro.LogicalType logical, LogicalType column) {
        if (logical instanceof LogicalTypes.TimestampMicros || logical instanceof LogicalTypes.TimestampMillis) {
            return null;
        }
        if (column.is(LogicalTypeRoot.BIGINT)) {
            return WireReader::zigzagLong;
        }
        boolean date = column.is(LogicalTypeRoot.DATE) && logical instanceof LogicalTypes.Date;
        return date || column.is(LogicalTypeRoot.INTEGER) ? WireReader::zigzagInt : null;
    }

    private static FieldReader timestamp(long perSecond, LogicalType column) {
        if (column.is(LogicalTypeRoot.BIGINT)) {
            return WireReader::zigzagLong;
        }
        if (!Timestamps.isTimestamp(column)) {
            return null;
        }
        long perMilli = perSecond / 1_000;
        int nanosPerUnit = (int) (1_000_000_000 / perSecond);
        long unit = Timestamps.unitsPerTick(perSecond, LogicalTypeChecks.getPrecision(column));
        return in -> {
            long value = in.zigzagLong();
            value -= Math.floorMod(value, unit);
            return TimestampData.fromEpochMillis(
                    Math.floorDiv(value, perMilli), (int) Math.floorMod(value, perMilli) * nanosPerUnit);
        };
    }

    private static FieldReader blob(SliceStep step, org.apache.avro.LogicalType logical, LogicalType column) {
        boolean text = column.is(LogicalTypeRoot.VARCHAR) || column.is(LogicalTypeRoot.CHAR);
        if (logical instanceof LogicalTypes.Decimal type) {
            return decimal(step, type, column, text);
        }
        if (text) {
            return in -> {
                step.advance(in);
                return BinaryStringData.fromBytes(in.data(), in.sliceStart, in.sliceLength);
            };
        }
        if (column.is(LogicalTypeRoot.VARBINARY) || column.is(LogicalTypeRoot.BINARY)) {
            return in -> {
                step.advance(in);
                return in.bytes();
            };
        }
        return null;
    }

    private static FieldReader decimal(
            SliceStep step, LogicalTypes.Decimal type, LogicalType column, boolean text) {
        int scale = type.getScale();
        if (text) {
            return in -> {
                step.advance(in);
                return BinaryStringData.fromString(Decimals.read(in, scale).toPlainString());
            };
        }
        // A smaller scale would round. Fewer integer digits are allowed: a value that needs more is an error.
        if (!(column instanceof DecimalType target) || target.getScale() < scale) {
            return null;
        }
        return in -> {
            step.advance(in);
            return Decimals.toData(Decimals.read(in, scale), target);
        };
    }

    private static FieldReader symbol(List<String> symbols, LogicalType column) {
        if (!column.is(LogicalTypeRoot.VARCHAR) && !column.is(LogicalTypeRoot.CHAR)) {
            return null;
        }
        BinaryStringData[] values = symbols.stream().map(BinaryStringData::fromString).toArray(BinaryStringData[]::new);
        return in -> {
            int index = in.zigzagInt();
            if (index < 0 || index >= values.length) {
                throw new WireException("enum symbol " + index + " of " + values.length);
            }
            return values[index];
        };
    }

    private static FieldReader sequence(List<FieldReader> steps) {
        return in -> {
            steps.forEach(step -> step.read(in));
            return null;
        };
    }

    private static FieldReader blocks(FieldReader item) {
        return in -> {
            for (long count = in.zigzagLong(); count != 0; count = in.zigzagLong()) {
                if (count < 0) {
                    skip(in, in.zigzagLong());
                    continue;
                }
                for (long i = 0; i < count; i++) {
                    item.read(in);
                }
            }
            return null;
        };
    }

    private static Object skip(WireReader in, long count) {
        in.skip(count);
        return null;
    }

    @FunctionalInterface
    private interface SliceStep {
        void advance(WireReader in);
    }
}
