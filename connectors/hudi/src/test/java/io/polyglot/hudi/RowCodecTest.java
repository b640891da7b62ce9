package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericFixed;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class RowCodecTest {
    static Stream<Arguments> values() {
        var time = TimestampData.fromEpochMillis(1_723_000_000_123L, 456_000);
        return Stream.of(
                Arguments.of(DataTypes.STRING(), StringData.fromString("Zürich ✓"), "Zürich ✓"),
                Arguments.of(DataTypes.BOOLEAN(), true, true),
                Arguments.of(DataTypes.INT(), Integer.MIN_VALUE, Integer.MIN_VALUE),
                Arguments.of(DataTypes.BIGINT(), Long.MAX_VALUE, Long.MAX_VALUE),
                Arguments.of(DataTypes.FLOAT(), 1.5f, 1.5f),
                Arguments.of(DataTypes.DOUBLE(), 0.1, 0.1),
                Arguments.of(DataTypes.BYTES(), new byte[] {0, -1, 127}, ByteBuffer.wrap(new byte[] {0, -1, 127})),
                Arguments.of(DataTypes.DATE(), -1, -1),
                Arguments.of(DataTypes.TIMESTAMP(3), TimestampData.fromEpochMillis(-5), -5L),
                Arguments.of(DataTypes.TIMESTAMP(6), time, 1_723_000_000_123_456L),
                Arguments.of(DataTypes.TIMESTAMP_LTZ(3), TimestampData.fromEpochMillis(1_723_000_000_123L), 1_723_000_000_123L),
                Arguments.of(DataTypes.TIMESTAMP_LTZ(6), time, 1_723_000_000_123_456L),
                Arguments.of(DataTypes.TIMESTAMP_LTZ(6), TimestampData.fromEpochMillis(-1, 999_000), -1L));
    }

    @ParameterizedTest
    @MethodSource("values")
    void keepsTheValue(DataType type, Object flink, Object avro) {
        var value = codec(type).value(GenericRowData.of(flink), 0);
        assertThat(value instanceof CharSequence ? value.toString() : value).isEqualTo(avro);
    }

    @ParameterizedTest
    @MethodSource("values")
    void keepsNull(DataType type, Object flink, Object avro) {
        assertThat(codec(type).value(GenericRowData.of((Object) null), 0)).isNull();
    }

    @ParameterizedTest
    @CsvSource({"9,2,4", "18,0,8", "19,4,9", "27,12,12", "38,38,16", "1,0,1"})
    void decimalsAreExactAtTheirLimits(int precision, int scale, int bytes) {
        var codec = codec(DataTypes.DECIMAL(precision, scale));
        var schema = codec.schema().getFields().get(0).schema().getTypes().get(1);
        assertThat(schema.getFixedSize()).isEqualTo(bytes);
        var limit = new BigDecimal(BigInteger.TEN.pow(precision).subtract(BigInteger.ONE), scale);
        for (var expected : List.of(limit, limit.negate(), BigDecimal.ZERO.setScale(scale), BigDecimal.ONE.movePointLeft(scale).negate())) {
            var fixed = (GenericFixed) codec.value(GenericRowData.of(DecimalData.fromBigDecimal(expected, precision, scale)), 0);
            assertThat(new Conversions.DecimalConversion().fromFixed(fixed, schema, schema.getLogicalType())).isEqualTo(expected);
        }
    }

    @Test
    void aColumnThatMayNotBeNullIsStoredSo() {
        assertThat(codec(DataTypes.STRING().notNull()).schema().getFields().get(0).schema().getType()).isEqualTo(Schema.Type.STRING);
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void refusesWhatItCannotStore(DataType type) {
        assertThatThrownBy(() -> codec(type)).isInstanceOf(ValidationException.class)
                .hasMessageContaining("column 'c'").hasMessageContaining(type.getLogicalType().asSummaryString());
    }

    static Stream<DataType> unsupported() {
        return Stream.of(DataTypes.TIMESTAMP(9), DataTypes.TIMESTAMP_LTZ(0), DataTypes.TIME(), DataTypes.ARRAY(DataTypes.INT()),
                DataTypes.ROW(DataTypes.FIELD("x", DataTypes.INT())), DataTypes.SMALLINT());
    }

    private static RowCodec codec(DataType type) {
        var row = (RowType) DataTypes.ROW(DataTypes.FIELD("c", type)).getLogicalType();
        return RowCodec.of(new TableSpec("file:///t", "t", HoodieTableType.COPY_ON_WRITE, WriteOperationType.BULK_INSERT, row, List.of(),
                List.of(), List.of(), Map.of()));
    }
}
