package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.RowType;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;
import org.apache.hudi.keygen.factory.HoodieAvroKeyGeneratorFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RowKeysTest {
    private static final RowType ROW = (RowType) DataTypes.ROW(
                    DataTypes.FIELD("s", DataTypes.STRING()), DataTypes.FIELD("i", DataTypes.INT()),
                    DataTypes.FIELD("l", DataTypes.BIGINT()), DataTypes.FIELD("d", DataTypes.DATE()),
                    DataTypes.FIELD("b", DataTypes.BOOLEAN()), DataTypes.FIELD("m", DataTypes.DECIMAL(27, 12)),
                    DataTypes.FIELD("t3", DataTypes.TIMESTAMP_LTZ(3)), DataTypes.FIELD("t6", DataTypes.TIMESTAMP(6)),
                    DataTypes.FIELD("n", DataTypes.STRING()), DataTypes.FIELD("x", DataTypes.DOUBLE()))
            .getLogicalType();
    private static final RowData VALUES = GenericRowData.of(StringData.fromString("sim:BTC/USD"), 7, -8L, 20_000, true,
            DecimalData.fromBigDecimal(new BigDecimal("1.250000000000"), 27, 12), TimestampData.fromEpochMillis(1_723_000_000_123L),
            TimestampData.fromEpochMillis(1_723_000_000_123L, 4_000), null, 0.5);

    static Stream<Arguments> layouts() {
        return Stream.of(
                Arguments.of(List.of("s"), List.of("d"), "false"),
                Arguments.of(List.of("s"), List.of("s"), "true"),
                Arguments.of(List.of("s", "t3"), List.of("d"), "true"),
                Arguments.of(List.of("s", "i", "l", "d", "b", "m", "t6", "n"), List.of("d", "s", "n"), "true"),
                Arguments.of(List.of("l"), List.of(), "false"),
                Arguments.of(List.of("l", "n"), List.of(), "false"),
                Arguments.of(List.of("s"), List.of("n"), "false"),
                Arguments.of(List.of("s"), List.of("i", "b"), "false"));
    }

    /** Spark finds and updates a row by these texts, so they must be what Hudi itself would have written. */
    @ParameterizedTest
    @MethodSource("layouts")
    void spellsKeysAsHudiDoes(List<String> key, List<String> partition, String hiveStyle) throws Exception {
        var spec = spec(key, partition, List.of(), Map.of("hoodie.datasource.write.hive_style_partitioning", hiveStyle));
        var codec = RowCodec.of(spec);
        var hudi = HoodieAvroKeyGeneratorFactory.createKeyGenerator(HudiConfigs.write(spec, codec.schema()).getProps());
        var expected = hudi.getKey(codec.toAvro(VALUES));
        var keys = RowKeys.of(spec);
        assertThat(keys.recordKey(VALUES)).isEqualTo(expected.getRecordKey());
        assertThat(keys.partitionPath(VALUES)).isEqualTo(expected.getPartitionPath());
    }

    @Test
    void ordersByOneOrMoreColumns() {
        assertThat(RowKeys.of(spec(List.of("s"), List.of(), List.of("l"), Map.of())).ordering(VALUES)).isEqualTo(-8L);
        assertThat(RowKeys.of(spec(List.of("s"), List.of(), List.of("t6"), Map.of())).ordering(VALUES)).isEqualTo(1_723_000_000_123_004L);
        assertThat(RowKeys.of(spec(List.of("s"), List.of(), List.of("i", "l"), Map.of())).ordering(VALUES)).hasToString("[7, -8]");
    }

    @Test
    void refusesAnOrderingThatDoesNotCompareAlikeEverywhere() {
        assertThatThrownBy(() -> RowKeys.of(spec(List.of("s"), List.of(), List.of("s"), Map.of())))
                .isInstanceOf(ValidationException.class).hasMessageContaining("ordering column 's'");
    }

    @Test
    void refusesARowWithoutKeyOrVersion() {
        assertThatThrownBy(() -> RowKeys.of(spec(List.of("n"), List.of("d"), List.of(), Map.of())).recordKey(VALUES))
                .hasMessageContaining("record key 'n' is null");
        var nullVersion = GenericRowData.of(null, null);
        var row = (RowType) DataTypes.ROW(DataTypes.FIELD("k", DataTypes.STRING()), DataTypes.FIELD("v", DataTypes.BIGINT())).getLogicalType();
        var spec = new TableSpec("file:///t", "t", HoodieTableType.COPY_ON_WRITE, WriteOperationType.UPSERT, row, List.of("k"),
                List.of(), List.of("v"), Map.of());
        assertThatThrownBy(() -> RowKeys.of(spec).ordering(nullVersion)).hasMessageContaining("'v' is null");
    }

    private static TableSpec spec(List<String> key, List<String> partition, List<String> ordering, Map<String, String> hoodie) {
        return new TableSpec("file:///t", "t", HoodieTableType.COPY_ON_WRITE, WriteOperationType.UPSERT, ROW, key, partition, ordering,
                hoodie);
    }
}
