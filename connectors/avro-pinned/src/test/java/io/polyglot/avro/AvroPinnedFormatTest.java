package io.polyglot.avro;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.catalog.ResolvedSchema;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.factories.TestDynamicTableFactory;
import org.apache.flink.table.factories.utils.FactoryMocks;
import org.apache.flink.table.runtime.connector.sink.SinkRuntimeProviderContext;
import org.apache.flink.table.runtime.connector.source.ScanRuntimeProviderContext;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.util.SimpleUserCodeClassLoader;
import org.apache.flink.util.UserCodeClassLoader;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The format as a table uses it: found by its name, planned from DDL options, run on wire bytes. */
class AvroPinnedFormatTest {
    private static final int ID = 7;
    private static final ResolvedSchema ALL = ResolvedSchema.of(
            Column.physical("id", DataTypes.STRING().notNull()),
            Column.physical("at", DataTypes.TIMESTAMP_LTZ(6)),
            Column.physical("day", DataTypes.DATE()),
            Column.physical("seq", DataTypes.BIGINT()),
            Column.physical("price", DataTypes.DECIMAL(28, 12)),
            Column.physical("payload", DataTypes.BYTES()),
            Column.physical("flag", DataTypes.BOOLEAN()),
            Column.physical("ratio", DataTypes.DOUBLE()),
            Column.physical("note", DataTypes.STRING()),
            Column.physical("count", DataTypes.INT()));
    private static final TimestampData AT =
            TimestampData.fromInstant(Instant.parse("2024-08-08T00:00:00.123456Z"));

    @TempDir
    Path folder;

    private Pinned pinned;
    private final CountingMetrics metrics = new CountingMetrics();

    @BeforeEach
    void pin() {
        pinned = new Pinned(folder).with("other", 1, 3, "{\"name\": \"x\", \"type\": \"int\"}")
                .with("sample", 1, ID, Pinned.SAMPLE_FIELDS);
    }

    @Test
    void readsWhatFastavroWrote() throws Exception {
        assertThat(read(ALL, Pinned.message(ID, Pinned.SAMPLE_BODY))).isEqualTo(sampleRow());
    }

    @Test
    void writesTheSameBytesAsFastavro() {
        assertThat(writer(ALL).serialize(sampleRow())).isEqualTo(Pinned.message(ID, Pinned.SAMPLE_BODY));
    }

    @Test
    void readsOnlyDeclaredColumnsInTheTablesOrder() throws Exception {
        ResolvedSchema some = ResolvedSchema.of(
                Column.physical("note", DataTypes.STRING()), Column.physical("seq", DataTypes.BIGINT()));
        assertThat(read(some, Pinned.message(ID, Pinned.SAMPLE_BODY)))
                .isEqualTo(GenericRowData.of(StringData.fromString("héllo"), -5L));
    }

    @Test
    void oneFieldMayBeReadAsSeveralTypes() throws Exception {
        ResolvedSchema raw = ResolvedSchema.of(
                Column.physical("at", DataTypes.BIGINT()),
                Column.physical("day", DataTypes.INT()),
                Column.physical("price", DataTypes.STRING()),
                Column.physical("count", DataTypes.BIGINT()));
        assertThat(read(raw, Pinned.message(ID, Pinned.SAMPLE_BODY)))
                .isEqualTo(GenericRowData.of(
                        1_723_075_200_123_456L, 19943, StringData.fromString("61234.560000000001"), 300L));
        ResolvedSchema millis = ResolvedSchema.of(Column.physical("at", DataTypes.TIMESTAMP(3)));
        assertThat(read(millis, Pinned.message(ID, Pinned.SAMPLE_BODY)))
                .isEqualTo(GenericRowData.of(TimestampData.fromEpochMillis(1_723_075_200_123L)));
    }

    @Test
    void timesBefore1970AreFloored() throws Exception {
        pinned.with("early", 1, 9, "{\"name\": \"at\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-micros\"}}");
        RowData row = reader("early", ResolvedSchema.of(Column.physical("at", DataTypes.TIMESTAMP(3))), Map.of())
                .deserialize(Pinned.message(9, "01")); // -1 µs
        assertThat(row.getTimestamp(0, 3)).isEqualTo(TimestampData.fromEpochMillis(-1));
    }

    @Test
    void olderVersionsAreResolvedToTheNewest() throws Exception {
        pinned.with("sample", 2, 12, """
                {"name": "tag", "type": "string", "default": "none"},
                {"name": "seq", "type": "long"},
                {"name": "maybe", "type": ["null", "long"], "default": null}""");
        ResolvedSchema columns = ResolvedSchema.of(
                Column.physical("tag", DataTypes.STRING()),
                Column.physical("seq", DataTypes.BIGINT()),
                Column.physical("maybe", DataTypes.BIGINT()));
        DeserializationSchema<RowData> reader = reader("sample", columns, Map.of());
        assertThat(reader.deserialize(Pinned.message(ID, Pinned.SAMPLE_BODY)))
                .isEqualTo(GenericRowData.of(StringData.fromString("none"), -5L, null));
        assertThat(reader.deserialize(Pinned.message(12, "02780e0210")))
                .isEqualTo(GenericRowData.of(StringData.fromString("x"), 7L, 8L));
    }

    @Test
    void undeclaredColumnsAreWrittenAsTheirDefault() {
        pinned.with("wide", 1, 14, """
                {"name": "seq", "type": "long"}, {"name": "tag", "type": "string", "default": "no"}""");
        SerializationSchema<RowData> writer =
                writer("wide", ResolvedSchema.of(Column.physical("seq", DataTypes.BIGINT())));
        assertThat(writer.serialize(GenericRowData.of(1L))).isEqualTo(Pinned.message(14, "02046e6f"));
        assertThatThrownBy(() -> writer("wide", ResolvedSchema.of(Column.physical("tag", DataTypes.STRING()))))
                .hasStackTraceContaining("no column 'seq'");
    }

    @Test
    void decimalsAreExactAtTheirLimitsAndNeverRounded() throws Exception {
        ResolvedSchema price = ResolvedSchema.of(Column.physical("price", DataTypes.DECIMAL(28, 12)));
        pinned.with("tick", 1, 20,
                "{\"name\": \"price\", \"type\": {\"type\": \"bytes\", \"logicalType\": \"decimal\", \"precision\": 28, \"scale\": 12}}");
        for (String text : List.of("9999999999999999.999999999999", "-9999999999999999.999999999999",
                "0.000000000000", "-0.000000000001", "9223372.036854775808", "-128.000000000000")) {
            RowData row = GenericRowData.of(DecimalData.fromBigDecimal(new BigDecimal(text), 28, 12));
            byte[] wire = writer("tick", price).serialize(row);
            assertThat(reader("tick", price, Map.of()).deserialize(wire)).isEqualTo(row);
        }
        ResolvedSchema coarse = ResolvedSchema.of(Column.physical("price", DataTypes.DECIMAL(28, 11)));
        assertThatThrownBy(() -> reader("tick", coarse, Map.of())).isInstanceOf(ValidationException.class)
                .hasMessageContaining("cannot hold");
        ResolvedSchema narrow = ResolvedSchema.of(Column.physical("price", DataTypes.DECIMAL(13, 12)));
        byte[] ten = writer("tick", price)
                .serialize(GenericRowData.of(DecimalData.fromBigDecimal(new BigDecimal("10"), 28, 12)));
        assertThatThrownBy(() -> reader("tick", narrow, Map.of()).deserialize(ten))
                .hasMessageContaining("10.000000000000 does not fit DECIMAL(13, 12)");
        ResolvedSchema text = ResolvedSchema.of(Column.physical("price", DataTypes.STRING()));
        assertThatThrownBy(() -> writer("tick", text)
                        .serialize(GenericRowData.of(StringData.fromString("0.0000000000001"))))
                .hasMessageContaining("more than 12 decimal places");
    }

    @Test
    void badMessagesFailWithTheReason() throws Exception {
        DeserializationSchema<RowData> reader = reader("sample", ALL, Map.of());
        byte[] good = Pinned.message(ID, Pinned.SAMPLE_BODY);
        byte[] magic = good.clone();
        magic[0] = 1;
        assertThatThrownBy(() -> reader.deserialize(magic)).hasMessageContaining("not the magic 0");
        assertThatThrownBy(() -> reader.deserialize(new byte[3])).hasMessageContaining("wire header");
        assertThatThrownBy(() -> reader.deserialize(Pinned.message(3, "02")))
                .hasMessageContaining("schema id 3 is not pinned for 'sample'");
        assertThatThrownBy(() -> reader.deserialize(Arrays.copyOf(good, good.length + 1)))
                .hasMessageContaining("1 bytes are left");
        for (int length = AvroPinnedDeserializationSchema.HEADER; length < good.length; length++) {
            byte[] cut = Arrays.copyOf(good, length);
            assertThatThrownBy(() -> reader.deserialize(cut)).isInstanceOf(WireException.class);
        }
    }

    @Test
    void badMessagesMayBeSkippedAndAreCounted() throws Exception {
        DeserializationSchema<RowData> reader = reader("sample", ALL, Map.of("avro-pinned.on-error", "skip"));
        assertThat(reader.deserialize(Pinned.message(99, ""))).isNull();
        assertThat(reader.deserialize(Pinned.message(ID, "0e73"))).isNull();
        assertThat(reader.deserialize(Pinned.message(ID, Pinned.SAMPLE_BODY))).isEqualTo(sampleRow());
        assertThat(metrics.counters.get("avroPinnedSkipped").getCount()).isEqualTo(2);
        assertThat(reader.deserialize(null)).as("a tombstone is no error").isNull();
        assertThat(metrics.counters.get("avroPinnedSkipped").getCount()).isEqualTo(2);
    }

    @Test
    void nullsAreCheckedAgainstColumnAndContract() throws Exception {
        ResolvedSchema required = ResolvedSchema.of(Column.physical("note", DataTypes.STRING().notNull()));
        pinned.with("opt", 1, 30, "{\"name\": \"note\", \"type\": [\"string\", \"null\"]}");
        assertThatThrownBy(() -> reader("opt", required, Map.of()).deserialize(Pinned.message(30, "02")))
                .hasMessageContaining("null in field 'note'");
        ResolvedSchema optional = ResolvedSchema.of(Column.physical("note", DataTypes.STRING()));
        assertThat(writer("opt", optional).serialize(GenericRowData.of((Object) null)))
                .isEqualTo(Pinned.message(30, "02"));
        GenericRowData row = sampleRow();
        row.setField(3, null);
        assertThatThrownBy(() -> writer(ALL).serialize(row)).hasMessageContaining("null in column 'seq'");
    }

    @Test
    void nestedFieldsAreSkipped() throws Exception {
        pinned.with("nested", 1, 40, """
                {"name": "levels", "type": {"type": "array", "items": {"type": "record", "name": "level",
                   "fields": [{"name": "p", "type": "string"}, {"name": "q", "type": "double"}]}}},
                {"name": "tags", "type": {"type": "map", "values": "long"}},
                {"name": "seq", "type": "long"}""");
        ResolvedSchema seq = ResolvedSchema.of(Column.physical("seq", DataTypes.BIGINT()));
        // one level {"a", 0.0}; a sized block of one more; one tag {"k": 1}; seq 3
        String body = "0202610000000000000000" + "011402610000000000000000" + "00" + "02026b0200" + "06";
        assertThat(reader("nested", seq, Map.of()).deserialize(Pinned.message(40, body)))
                .isEqualTo(GenericRowData.of(3L));
    }

    @Test
    void planningFailsWithTheReason() throws Exception {
        assertThatThrownBy(() -> reader("sample", ResolvedSchema.of(Column.physical("nope", DataTypes.INT())), Map.of()))
                .hasMessageContaining("Column 'nope' is no field of schema 'sample' version 1");
        assertThatThrownBy(() -> reader("absent", ALL, Map.of())).hasStackTraceContaining("it has: other, sample");
        assertThatThrownBy(() -> reader("sample", ResolvedSchema.of(Column.physical("seq", DataTypes.INT())), Map.of()))
                .hasMessageContaining("cannot hold");
        pinned.with("sample", 2, 50, Pinned.SAMPLE_FIELDS + ", {\"name\": \"must\", \"type\": \"int\"}");
        assertThatThrownBy(() -> reader("sample", ALL, Map.of()))
                .hasStackTraceContaining("version 2 cannot read version 1");
        Files.writeString(folder.resolve("other.v1.avsc"), "{}");
        assertThatThrownBy(() -> reader("other", ALL, Map.of())).hasStackTraceContaining("changed after its id was pinned");
    }

    @Test
    void theRepositorysOwnContractsCanBeReadWhole() {
        Path contracts = Path.of("..", "..", "schemas");
        for (String name : List.of("trade", "quote", "bar", "quote_bar", "repair_request", "dead_letter")) {
            PinnedSchemas schemas = PinnedSchemas.load(contracts, name);
            DataTypes.Field[] columns = schemas.newest().schema().getFields().stream()
                    .map(field -> DataTypes.FIELD(field.name(), columnType(field.schema())))
                    .toArray(DataTypes.Field[]::new);
            RowType row = (RowType) DataTypes.ROW(columns).getLogicalType();
            assertThat(AvroPinnedDeserializationSchema.plans(schemas, row)).hasSameSizeAs(schemas.versions());
            new AvroPinnedSerializationSchema(schemas, row).plan();
        }
    }

    private static DataType columnType(Schema schema) {
        Schema type = FieldReaders.nonNull("field", schema);
        if (type.getLogicalType() instanceof LogicalTypes.Decimal decimal) {
            return DataTypes.DECIMAL(decimal.getPrecision(), decimal.getScale());
        }
        return switch (type.getType()) {
            case STRING -> DataTypes.STRING();
            case BYTES -> DataTypes.BYTES();
            case LONG -> DataTypes.BIGINT();
            case INT -> DataTypes.INT();
            case BOOLEAN -> DataTypes.BOOLEAN();
            case DOUBLE -> DataTypes.DOUBLE();
            default -> throw new IllegalArgumentException(schema.toString());
        };
    }

    private static GenericRowData sampleRow() {
        return GenericRowData.of(
                StringData.fromString("sim:BTC"), AT, 19943, -5L,
                DecimalData.fromBigDecimal(new BigDecimal("61234.560000000001"), 28, 12),
                new byte[] {0, (byte) 0xff, 0x10}, true, 0.1, StringData.fromString("héllo"), 300);
    }

    private RowData read(ResolvedSchema columns, byte[] message) throws Exception {
        return reader("sample", columns, Map.of()).deserialize(message);
    }

    private DeserializationSchema<RowData> reader(String schema, ResolvedSchema columns, Map<String, String> more)
            throws Exception {
        var source = (TestDynamicTableFactory.DynamicTableSourceMock)
                FactoryMocks.createTableSource(columns, options(schema, more));
        DeserializationSchema<RowData> reader =
                source.valueFormat.createRuntimeDecoder(ScanRuntimeProviderContext.INSTANCE, columns.toPhysicalRowDataType());
        reader.open(metrics);
        return reader;
    }

    private SerializationSchema<RowData> writer(ResolvedSchema columns) {
        return writer("sample", columns);
    }

    private SerializationSchema<RowData> writer(String schema, ResolvedSchema columns) {
        var sink = (TestDynamicTableFactory.DynamicTableSinkMock)
                FactoryMocks.createTableSink(columns, options(schema, Map.of()));
        SerializationSchema<RowData> writer =
                sink.valueFormat.createRuntimeEncoder(new SinkRuntimeProviderContext(false), columns.toPhysicalRowDataType());
        try {
            writer.open(null);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
        return writer;
    }

    private Map<String, String> options(String schema, Map<String, String> more) {
        Map<String, String> options = new HashMap<>(Map.of(
                "connector", TestDynamicTableFactory.IDENTIFIER,
                "target", "t",
                "buffer-size", "1000",
                "format", "avro-pinned",
                "avro-pinned.schemas", folder.toString(),
                "avro-pinned.schema", schema));
        options.putAll(more);
        return options;
    }

    private static final class CountingMetrics extends UnregisteredMetricsGroup
            implements DeserializationSchema.InitializationContext {
        final Map<String, Counter> counters = new HashMap<>();

        @Override
        public <C extends Counter> C counter(String name, C counter) {
            counters.put(name, counter);
            return counter;
        }

        @Override
        public Counter counter(String name) {
            return counters.computeIfAbsent(name, key -> new org.apache.flink.metrics.SimpleCounter());
        }

        @Override
        public MetricGroup getMetricGroup() {
            return this;
        }

        @Override
        public UserCodeClassLoader getUserCodeClassLoader() {
            return SimpleUserCodeClassLoader.create(getClass().getClassLoader());
        }
    }
}
