package io.polyglot.avro;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.avro.Schema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/** Writes rows as {@code 0x00, id (4 bytes, big endian), Avro body} under the newest pinned version. */
public final class AvroPinnedSerializationSchema implements SerializationSchema<RowData> {
    private static final long serialVersionUID = 1L;

    private final PinnedSchemas schemas;
    private final RowType columns;

    private transient byte[] header;
    private transient FieldWriter[] writers;
    private transient int[] sources;
    private transient WireWriter out;

    AvroPinnedSerializationSchema(PinnedSchemas schemas, RowType columns) {
        this.schemas = schemas;
        this.columns = columns;
    }

    @Override
    public void open(InitializationContext context) {
        plan();
    }

    /** @throws ValidationException if the table's columns cannot make a record of the contract */
    void plan() {
        RowPlan.checkColumns(schemas, columns);
        int id = schemas.newest().id();
        header = new byte[] {0, (byte) (id >>> 24), (byte) (id >>> 16), (byte) (id >>> 8), (byte) id};
        out = new WireWriter();
        List<FieldWriter> steps = new ArrayList<>();
        List<Integer> positions = new ArrayList<>();
        for (Schema.Field field : schemas.newest().schema().getFields()) {
            int column = columns.getFieldIndex(field.name());
            positions.add(column);
            steps.add(column >= 0
                    ? FieldWriters.create(field.name(), field.schema(), columns.getTypeAt(column))
                    : constant(field));
        }
        writers = steps.toArray(FieldWriter[]::new);
        sources = positions.stream().mapToInt(Integer::intValue).toArray();
    }

    @Override
    public byte[] serialize(RowData row) {
        out.reset();
        out.raw(header);
        for (int i = 0; i < writers.length; i++) {
            writers[i].write(row, sources[i], out);
        }
        return out.toBytes();
    }

    private FieldWriter constant(Schema.Field field) {
        if (!field.hasDefaultValue()) {
            throw new ValidationException("The table has no column '" + field.name() + "', and schema '"
                    + schemas.name() + "' has no default for it; columns are " + Set.copyOf(columns.getFieldNames()));
        }
        byte[] bytes = RowPlan.defaultBytes(field);
        return (row, position, target) -> target.raw(bytes);
    }
}
