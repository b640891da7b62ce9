package io.polyglot.avro;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.types.logical.RowType;

/**
 * Records per second, one thread: {@code java … io.polyglot.avro.DecodeSpeed [SCHEMAS_FOLDER]}; not a test.
 *
 * <p>Measures the sample message read whole, and read for two columns.
 */
final class DecodeSpeed {
    private static final int RECORDS = 2_000_000;
    private static final List<DataTypes.Field> ALL = List.of(
            DataTypes.FIELD("id", DataTypes.STRING()),
            DataTypes.FIELD("at", DataTypes.TIMESTAMP_LTZ(3)),
            DataTypes.FIELD("day", DataTypes.DATE()),
            DataTypes.FIELD("seq", DataTypes.BIGINT()),
            DataTypes.FIELD("price", DataTypes.DECIMAL(28, 12)),
            DataTypes.FIELD("payload", DataTypes.BYTES()),
            DataTypes.FIELD("flag", DataTypes.BOOLEAN()),
            DataTypes.FIELD("ratio", DataTypes.DOUBLE()),
            DataTypes.FIELD("note", DataTypes.STRING()),
            DataTypes.FIELD("count", DataTypes.INT()));

    private DecodeSpeed() {}

    public static void main(String[] arguments) throws Exception {
        Path folder = java.nio.file.Files.createTempDirectory("pinned");
        new Pinned(folder).with("sample", 1, 7, Pinned.SAMPLE_FIELDS);
        PinnedSchemas schemas = PinnedSchemas.load(folder, "sample");
        byte[] message = Pinned.message(7, Pinned.SAMPLE_BODY);
        for (int round = 0; round < 4; round++) {
            read(schemas, ALL, message, "all ten columns");
            read(schemas, List.of(ALL.get(0), ALL.get(3)), message, "two columns");
        }
    }

    private static void read(PinnedSchemas schemas, List<DataTypes.Field> fields, byte[] message, String what) {
        RowType columns = (RowType) DataTypes.ROW(fields).getLogicalType();
        RowPlan plan = PinnedValues.plans(schemas, columns).get(7);
        WireReader in = new WireReader();
        long arity = 0;
        long start = System.nanoTime();
        for (int i = 0; i < RECORDS; i++) {
            in.reset(message, PinnedValues.HEADER);
            GenericRowData row = plan.read(in);
            arity += row.getArity();
        }
        report("read " + what, start, arity);
    }

    private static void report(String what, long start, long check) {
        double rate = RECORDS / ((System.nanoTime() - start) / 1e9);
        System.out.printf(Locale.ROOT, "%-24s %,12.0f records/s (check %d)%n", what, rate, check);
    }
}
