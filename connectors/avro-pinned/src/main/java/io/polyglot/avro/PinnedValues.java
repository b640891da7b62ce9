package io.polyglot.avro;

import io.polyglot.avro.PinnedSchemas.Version;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;

/**
 * Reads values in Confluent's wire format, whose ids are pinned in a lock file: {@code 0x00, id (4 bytes, big endian), Avro
 * body} become rows of the declared columns only. Jobs make it through PyFlink's gateway.
 */
public final class PinnedValues extends AbstractDeserializationSchema<RowData> {
    private static final long serialVersionUID = 1L;
    static final int HEADER = 5;

    private final PinnedSchemas schemas;
    private final RowType columns;

    private transient Map<Integer, RowPlan> plans;
    private transient WireReader in;
    private transient int lastId;
    private transient RowPlan lastPlan;

    private PinnedValues(PinnedSchemas schemas, RowType columns) {
        super(InternalTypeInfo.of(columns));
        this.schemas = schemas;
        this.columns = columns;
    }

    /**
     * @param folder with the .avsc files and ids.lock; read here and now, not where the job runs
     * @param contract whose newest pinned version says what the columns mean
     * @param columns that are read, as in a CREATE TABLE: name and type, comma separated
     * @throws org.apache.flink.table.api.ValidationException if a column cannot be read from every pinned version
     */
    public static PinnedValues of(String folder, String contract, String columns) {
        RowType row = (RowType) LogicalTypeParser.parse("ROW<" + columns + ">", PinnedValues.class.getClassLoader());
        return of(PinnedSchemas.load(Path.of(folder), contract), row);
    }

    static PinnedValues of(PinnedSchemas schemas, RowType columns) {
        plans(schemas, columns);
        return new PinnedValues(schemas, columns);
    }

    @Override
    public void open(InitializationContext context) {
        plans = plans(schemas, columns);
        in = new WireReader();
        lastPlan = null;
    }

    /** One plan per pinned version; also the check, when the job is built, that every column can be read. */
    static Map<Integer, RowPlan> plans(PinnedSchemas schemas, RowType columns) {
        RowPlan.checkColumns(schemas, columns);
        Schema reader = schemas.newest().schema();
        Map<Integer, RowPlan> plans = new HashMap<>();
        for (Version writer : schemas.versions()) {
            plans.put(writer.id(), RowPlan.create(writer, reader, columns));
        }
        return plans;
    }

    /** @return null for a tombstone, which Flink leaves out */
    @Override
    public RowData deserialize(byte[] message) {
        if (message == null) {
            return null;
        }
        try {
            RowPlan plan = plan(message);
            in.reset(message, HEADER);
            return plan.read(in);
        } catch (WireException e) {
            throw new WireException("Bad '" + schemas.name() + "' message of " + message.length + " bytes: "
                    + e.getMessage(), e);
        }
    }

    private RowPlan plan(byte[] message) {
        if (message.length < HEADER) {
            throw new WireException("shorter than the 5 bytes of the wire header");
        }
        if (message[0] != 0) {
            throw new WireException("its first byte is " + (message[0] & 0xff) + ", not the magic 0");
        }
        int id = (message[1] & 0xff) << 24 | (message[2] & 0xff) << 16 | (message[3] & 0xff) << 8 | message[4] & 0xff;
        if (lastPlan == null || id != lastId) {
            RowPlan plan = plans.get(id);
            if (plan == null) {
                throw new WireException("schema id " + id + " is not pinned for '" + schemas.name()
                        + "'; pinned are " + plans.keySet());
            }
            lastPlan = plan;
            lastId = id;
        }
        return lastPlan;
    }
}
