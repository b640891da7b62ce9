package io.polyglot.avro;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.catalog.ResolvedSchema;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Wire bytes as rows of declared columns. */
class PinnedValuesTest {
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
    void readsOnlyDeclaredColumnsInTheTablesOrder() throws Exception {
        ResolvedSchema some = ResolvedSchema.of(
                Column.physical("note", DataTypes.STRING()), Column.physical("seq", DataTypes.BIGINT()));
        assertThat(read(some, Pinned.message(ID, Pinned.SAMPLE_BODY)))
                .isEqualTo(GenericRowData.of(StringData.fromString("héllo"), -5L));
    }

    @Test
    void columnsAreDeclaredAsInACreateTable() {
        PinnedValues values = open(PinnedValues.of(folder.toString(), "sample", "`note` STRING, `at` TIMESTAMP_LTZ(6)"));
        assertThat(values.deserialize(Pinned.message(ID, Pinned.SAMPLE_BODY))).isEqualTo(GenericRowData.of(StringData.fromString("héllo"), AT));
        assertThat(((InternalTypeInfo<RowData>) values.getProducedType()).toRowType().getFieldNames()).containsExactly("note", "at");
        assertThat(values.deserialize(null)).as("a tombstone is no error").isNull();
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
        RowData row = reader("early", ResolvedSchema.of(Column.physical("at", DataTypes.TIMESTAMP(3))))
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
        PinnedValues reader = reader("sample", columns);
        assertThat(reader.deserialize(Pinned.message(ID, Pinned.SAMPLE_BODY)))
                .isEqualTo(GenericRowData.of(StringData.fromString("none"), -5L, null));
        assertThat(reader.deserialize(Pinned.message(12, "02780e0210")))
                .isEqualTo(GenericRowData.of(StringData.fromString("x"), 7L, 8L));
    }

    @Test
    void decimalsAreExactAtTheirLimitsAndNeverRounded() throws Exception {
        ResolvedSchema price = ResolvedSchema.of(Column.physical("price", DataTypes.DECIMAL(28, 12)));
        pinned.with("tick", 1, 20,
                "{\"name\": \"price\", \"type\": {\"type\": \"bytes\", \"logicalType\": \"decimal\", \"precision\": 28, \"scale\": 12}}");
        for (String text : List.of("9999999999999999.999999999999", "-9999999999999999.999999999999",
                "0.000000000000", "-0.000000000001", "9223372.036854775808", "-128.000000000000")) {
            RowData row = GenericRowData.of(DecimalData.fromBigDecimal(new BigDecimal(text), 28, 12));
            assertThat(reader("tick", price).deserialize(tick(text))).isEqualTo(row);
        }
        ResolvedSchema coarse = ResolvedSchema.of(Column.physical("price", DataTypes.DECIMAL(28, 11)));
        assertThatThrownBy(() -> reader("tick", coarse)).isInstanceOf(ValidationException.class)
                .hasMessageContaining("cannot hold");
        ResolvedSchema narrow = ResolvedSchema.of(Column.physical("price", DataTypes.DECIMAL(13, 12)));
        assertThatThrownBy(() -> reader("tick", narrow).deserialize(tick("10")))
                .hasMessageContaining("10.000000000000 does not fit DECIMAL(13, 12)");
    }

    @Test
    void badMessagesFailWithTheReason() throws Exception {
        PinnedValues reader = reader("sample", ALL);
        byte[] good = Pinned.message(ID, Pinned.SAMPLE_BODY);
        byte[] magic = good.clone();
        magic[0] = 1;
        assertThatThrownBy(() -> reader.deserialize(magic)).hasMessageContaining("not the magic 0");
        assertThatThrownBy(() -> reader.deserialize(new byte[3])).hasMessageContaining("wire header");
        assertThatThrownBy(() -> reader.deserialize(Pinned.message(3, "02")))
                .hasMessageContaining("schema id 3 is not pinned for 'sample'");
        assertThatThrownBy(() -> reader.deserialize(Arrays.copyOf(good, good.length + 1)))
                .hasMessageContaining("1 bytes are left");
        for (int length = PinnedValues.HEADER; length < good.length; length++) {
            byte[] cut = Arrays.copyOf(good, length);
            assertThatThrownBy(() -> reader.deserialize(cut)).isInstanceOf(WireException.class);
        }
    }

    @Test
    void nullsAreCheckedAgainstColumnAndContract() throws Exception {
        ResolvedSchema required = ResolvedSchema.of(Column.physical("note", DataTypes.STRING().notNull()));
        pinned.with("opt", 1, 30, "{\"name\": \"note\", \"type\": [\"string\", \"null\"]}");
        assertThatThrownBy(() -> reader("opt", required).deserialize(Pinned.message(30, "02")))
                .hasMessageContaining("null in field 'note'");
        ResolvedSchema optional = ResolvedSchema.of(Column.physical("note", DataTypes.STRING()));
        assertThat(reader("opt", optional).deserialize(Pinned.message(30, "02"))).isEqualTo(GenericRowData.of((Object) null));
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
        assertThat(reader("nested", seq).deserialize(Pinned.message(40, body)))
                .isEqualTo(GenericRowData.of(3L));
    }

    @Test
    void planningFailsWithTheReason() throws Exception {
        assertThatThrownBy(() -> reader("sample", ResolvedSchema.of(Column.physical("nope", DataTypes.INT()))))
                .hasMessageContaining("Column 'nope' is no field of schema 'sample' version 1");
        assertThatThrownBy(() -> reader("absent", ALL)).hasMessageContaining("it has: other, sample");
        assertThatThrownBy(() -> reader("sample", ResolvedSchema.of(Column.physical("seq", DataTypes.INT()))))
                .hasMessageContaining("cannot hold");
        pinned.with("sample", 2, 50, Pinned.SAMPLE_FIELDS + ", {\"name\": \"must\", \"type\": \"int\"}");
        assertThatThrownBy(() -> reader("sample", ALL))
                .hasMessageContaining("version 2 cannot read version 1");
        Files.writeString(folder.resolve("other.v1.avsc"), "{}");
        assertThatThrownBy(() -> reader("other", ALL)).hasMessageContaining("changed after its id was pinned");
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
            assertThat(PinnedValues.plans(schemas, row)).hasSameSizeAs(schemas.versions());
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
        return reader("sample", columns).deserialize(message);
    }

    private PinnedValues reader(String schema, ResolvedSchema columns) {
        RowType row = (RowType) columns.toPhysicalRowDataType().getLogicalType();
        return open(PinnedValues.of(PinnedSchemas.load(folder, schema), row));
    }

    private static PinnedValues open(PinnedValues values) {
        values.open(null);
        return values;
    }

    private static byte[] tick(String price) {
        byte[] unscaled = new BigDecimal(price).setScale(12).unscaledValue().toByteArray();
        return Pinned.message(20, "%02x".formatted(2 * unscaled.length) + HexFormat.of().formatHex(unscaled));
    }
}
