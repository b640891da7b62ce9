package io.polyglot.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.Map;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The sink as a job uses it, on a cluster in this process. */
@Timeout(120)
class ClickHouseTest {
    private static final InternalTypeInfo<RowData> SUMS = InternalTypeInfo.of(DataTypes.ROW(
                    DataTypes.FIELD("k", DataTypes.STRING()), DataTypes.FIELD("total", DataTypes.DECIMAL(38, 12)),
                    DataTypes.FIELD("n", DataTypes.BIGINT()))
            .getLogicalType());

    private FakeServer server;
    private final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();

    @BeforeEach
    void start() throws Exception {
        server = new FakeServer().start();
        env.setParallelism(1);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private DataStream<RowData> sums() {
        return env.fromData(SUMS, sum("a", "1.5", 1), sum("b", "2", 1), sum("a", "4.5", 2)).uid("sums");
    }

    private static RowData sum(String key, String total, long n) {
        return GenericRowData.of(StringData.fromString(key), DecimalData.fromBigDecimal(new BigDecimal(total), 38, 12), n);
    }

    @Test
    void everyVersionIsWritten() throws Exception {
        ClickHouse.insert(sums(), "ClickHouse sums", Map.of("url", server.url(), "database-name", "polyglot", "table-name", "sums",
                "username", "u", "password", "p"));
        assertThat(env.getStreamGraph(false).getStreamNodes()).anySatisfy(node -> {
            assertThat(node.getTransformationUID()).isEqualTo("ClickHouse sums");
            assertThat(node.getOperatorName()).startsWith("ClickHouse sums");
        });
        env.execute();
        assertThat(server.rows()).containsExactly("a|1.500000000000|1", "b|2.000000000000|1", "a|4.500000000000|2");
        assertThat(server.users).containsOnly("u:p");
    }

    @Test
    void unknownAndMissingOptionsAreRefused() {
        var options = Map.of("url", "http://h:1", "table-name", "t", "sink.bach-size", "1");
        assertThatThrownBy(() -> ClickHouse.insert(sums(), "x", options))
                .isInstanceOf(ValidationException.class).hasMessageContaining("sink.bach-size");
        assertThatThrownBy(() -> ClickHouse.insert(sums(), "x", Map.of("url", "http://h:1")))
                .isInstanceOf(ValidationException.class).hasMessageContaining("'table-name'");
    }
}
