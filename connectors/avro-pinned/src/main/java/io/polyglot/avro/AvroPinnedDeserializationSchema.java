package io.polyglot.avro;

import io.polyglot.avro.PinnedSchemas.Version;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.metrics.Counter;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.util.Collector;

/** Reads {@code 0x00, id (4 bytes, big endian), Avro body} into rows of the declared columns only. */
public final class AvroPinnedDeserializationSchema implements DeserializationSchema<RowData> {
    private static final long serialVersionUID = 1L;
    static final int HEADER = 5;

    private final PinnedSchemas schemas;
    private final RowType columns;
    private final TypeInformation<RowData> produced;
    private final OnError onError;

    private transient Map<Integer, RowPlan> plans;
    private transient WireReader in;
    private transient int lastId;
    private transient RowPlan lastPlan;
    private transient Counter skipped;

    AvroPinnedDeserializationSchema(
            PinnedSchemas schemas, RowType columns, TypeInformation<RowData> produced, OnError onError) {
        this.schemas = schemas;
        this.columns = columns;
        this.produced = produced;
        this.onError = onError;
    }

    @Override
    public void open(InitializationContext context) {
        plans = plans(schemas, columns);
        in = new WireReader();
        lastPlan = null;
        skipped = context.getMetricGroup().counter("avroPinnedSkipped");
    }

    /** One plan per pinned version; also the check, when the job is planned, that every column can be read. */
    static Map<Integer, RowPlan> plans(PinnedSchemas schemas, RowType columns) {
        RowPlan.checkColumns(schemas, columns);
        Schema reader = schemas.newest().schema();
        Map<Integer, RowPlan> plans = new HashMap<>();
        for (Version writer : schemas.versions()) {
            plans.put(writer.id(), RowPlan.create(writer, reader, columns));
        }
        return plans;
    }

    @Override
    public void deserialize(byte[] message, Collector<RowData> out) {
        RowData row = deserialize(message);
        if (row != null) {
            out.collect(row);
        }
    }

    /** @return null for a tombstone, and for a bad message when those are skipped */
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
            if (onError == OnError.SKIP) {
                skipped.inc();
                return null;
            }
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

    @Override
    public boolean isEndOfStream(RowData nextElement) {
        return false;
    }

    @Override
    public TypeInformation<RowData> getProducedType() {
        return produced;
    }
}
