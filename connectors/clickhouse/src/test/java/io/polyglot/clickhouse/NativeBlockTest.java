package io.polyglot.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.HexFormat;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.RowType;
import org.junit.jupiter.api.Test;

/** Blocks against what the engine itself (26.9) wrote of the same values: {@code SELECT … FORMAT Native}. */
class NativeBlockTest {
    private static RowType row(DataTypes.Field... fields) {
        return (RowType) DataTypes.ROW(fields).getLogicalType();
    }

    private static DecimalData decimal(String text, int precision, int scale) {
        return DecimalData.fromBigDecimal(new BigDecimal(text), precision, scale);
    }

    @Test
    void valuesAreExact() {
        NativeBlock block = new NativeBlock(row(
                DataTypes.FIELD("text", DataTypes.STRING()),
                DataTypes.FIELD("price", DataTypes.DECIMAL(28, 12)),
                DataTypes.FIELD("small", DataTypes.DECIMAL(38, 24)),
                DataTypes.FIELD("tiny", DataTypes.DECIMAL(9, 2)),
                DataTypes.FIELD("mid", DataTypes.DECIMAL(18, 4)),
                DataTypes.FIELD("at", DataTypes.TIMESTAMP_LTZ(6)),
                DataTypes.FIELD("ms", DataTypes.TIMESTAMP(3)),
                DataTypes.FIELD("s", DataTypes.TIMESTAMP(0)),
                DataTypes.FIELD("day", DataTypes.DATE()),
                DataTypes.FIELD("flag", DataTypes.BOOLEAN()),
                DataTypes.FIELD("ratio", DataTypes.DOUBLE()),
                DataTypes.FIELD("n", DataTypes.BIGINT()),
                DataTypes.FIELD("small_n", DataTypes.INT()),
                DataTypes.FIELD("nothing", DataTypes.STRING())));
        TimestampData at = TimestampData.fromInstant(Instant.parse("2024-08-08T23:59:59.123456Z"));
        TimestampData early = TimestampData.fromInstant(Instant.parse("1969-12-31T23:59:58.5Z"));
        block.add(GenericRowData.of(StringData.fromString("a\"b\\c\né✓"), decimal("-0.000000000001", 28, 12),
                decimal("1E-24", 38, 24), decimal("1.5", 9, 2), decimal("-7.25", 18, 4), at, at, early, 19943, true, 0.1, -5L, 7, null));
        assertThat(HexFormat.of().formatHex(block.toBytes())).isEqualTo("0e01047465787406537472696e670b6122625c630ac3a9e29c930570726963650f446563696d616c2832382c"
                + "20313229ffffffffffffffffffffffffffffffff05736d616c6c0f446563696d616c2833382c20323429010000000000000000000000000000000474"
                + "696e790d446563696d616c28392c20322996000000036d69640e446563696d616c2831382c203429cce4feffffffffff026174144461746554696d65"
                + "363428362c2027555443272900a001d3341f0600026d73144461746554696d65363428332c20275554432729935c6f34910100000173144461746554"
                + "696d65363428302c20275554432729feffffffffffffff0364617906446174653332e74d000004666c616704426f6f6c0105726174696f07466c6f61"
                + "7436349a9999999999b93f016e05496e743634fbffffffffffffff07736d616c6c5f6e05496e74333207000000076e6f7468696e67104e756c6c6162"
                + "6c6528537472696e67290100");
    }

    @Test
    void aColumnIsNullableInABlockThatHasANullThere() {
        NativeBlock block = new NativeBlock(row(DataTypes.FIELD("t", DataTypes.STRING())));
        for (String text : new String[] {"x", null, "x"}) {
            block.add(GenericRowData.of(StringData.fromString(text)));
        }
        assertThat(HexFormat.of().formatHex(block.toBytes())).isEqualTo("01030174104e756c6c61626c6528537472696e6729000100" + "017800" + "0178");
        block.reset();
        block.add(GenericRowData.of(StringData.fromString("x")));
        assertThat(HexFormat.of().formatHex(block.toBytes())).isEqualTo("0101017406537472696e67" + "0178");
    }

    @Test
    void decimalsAreExactAtTheirLimits() {
        NativeBlock block = new NativeBlock(row(DataTypes.FIELD("d", DataTypes.DECIMAL(38, 0))));
        String most = "9".repeat(38);
        block.add(GenericRowData.of(decimal(most, 38, 0)));
        block.add(GenericRowData.of(decimal("-" + most, 38, 0)));
        assertThat(HexFormat.of().formatHex(block.toBytes()))
                .endsWith("ffffffff3f228a097ac4865aa84c3b4b" + "01000000c0dd75f6853b79a557b3c4b4");
    }

    @Test
    void whatHasNoFormIsRefused() {
        for (var type : new org.apache.flink.table.types.DataType[] {DataTypes.BYTES(), DataTypes.TIMESTAMP(9)}) {
            assertThatThrownBy(() -> new NativeBlock(row(DataTypes.FIELD("b", type))))
                    .isInstanceOf(ValidationException.class).hasMessageContaining("Column 'b'");
        }
    }
}
