package io.polyglot.avro;

import io.polyglot.avro.PinnedSchemas.Version;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.types.logical.RowType;

/**
 * Reads bodies of one writer version into rows of the declared columns, in one pass over the bytes.
 *
 * <p>Avro's resolution (writer to reader, by field name) is done once, here: each writer field is either
 * decoded into its column or skipped; reader fields that the writer lacks take their default.
 */
final class RowPlan {
    private static final int SKIP = -1;

    private final FieldReader[] steps;
    private final int[] targets;
    private final Object[] defaults;
    private final int[] required;
    private final RowType columns;

    private RowPlan(FieldReader[] steps, int[] targets, Object[] defaults, int[] required, RowType columns) {
        this.steps = steps;
        this.targets = targets;
        this.defaults = defaults;
        this.required = required;
        this.columns = columns;
    }

    static RowPlan create(Version writerVersion, Schema reader, RowType columns) {
        Schema writer = writerVersion.schema();
        List<FieldReader> steps = new ArrayList<>();
        List<Integer> targets = new ArrayList<>();
        for (Schema.Field field : writer.getFields()) {
            String name = field.name();
            int column = columns.getFieldIndex(name);
            targets.add(column);
            steps.add(column == SKIP
                    ? FieldReaders.skipper(field.schema())
                    : FieldReaders.create(
                            name, field.schema(), reader.getField(name).schema(), columns.getTypeAt(column)));
        }
        return new RowPlan(
                steps.toArray(FieldReader[]::new),
                targets.stream().mapToInt(Integer::intValue).toArray(),
                defaults(writer, reader, columns),
                required(columns),
                columns);
    }

    /** @throws ValidationException if a column is no field of the contract */
    static void checkColumns(PinnedSchemas schemas, RowType columns) {
        Schema reader = schemas.newest().schema();
        for (String column : columns.getFieldNames()) {
            if (reader.getField(column) == null) {
                List<String> fields = reader.getFields().stream().map(Schema.Field::name).toList();
                throw new ValidationException("Column '" + column + "' is no field of schema '" + schemas.name()
                        + "' version " + schemas.newest().version() + "; its fields are " + fields);
            }
        }
    }

    GenericRowData read(WireReader in) {
        GenericRowData row = new GenericRowData(columns.getFieldCount());
        for (int i = 0; i < defaults.length; i++) {
            if (defaults[i] != null) {
                row.setField(i, defaults[i]);
            }
        }
        for (int i = 0; i < steps.length; i++) {
            Object value = steps[i].read(in);
            if (targets[i] != SKIP) {
                row.setField(targets[i], value);
            }
        }
        for (int column : required) {
            if (row.isNullAt(column)) {
                throw new WireException(
                        "null in field '" + columns.getFieldNames().get(column) + "', whose column is NOT NULL");
            }
        }
        if (in.remaining() != 0) {
            throw new WireException(in.remaining() + " bytes are left after the record");
        }
        return row;
    }

    private static Object[] defaults(Schema writer, Schema reader, RowType columns) {
        Object[] values = new Object[columns.getFieldCount()];
        for (int i = 0; i < values.length; i++) {
            Schema.Field field = reader.getField(columns.getFieldNames().get(i));
            if (writer.getField(field.name()) == null) {
                WireReader in = new WireReader();
                in.reset(defaultBytes(field), 0);
                values[i] = FieldReaders.create(field.name(), field.schema(), field.schema(), columns.getTypeAt(i))
                        .read(in);
            }
        }
        return values;
    }

    /** The wire form of a field's default value. */
    private static byte[] defaultBytes(Schema.Field field) {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, null);
            new GenericDatumWriter<>(field.schema()).write(GenericData.get().getDefaultValue(field), encoder);
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static int[] required(RowType columns) {
        return IntStream.range(0, columns.getFieldCount())
                .filter(i -> !columns.getTypeAt(i).isNullable())
                .toArray();
    }
}
