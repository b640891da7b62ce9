package io.polyglot.hudi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Collectors;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamNode;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a job sees while it is built: operators by name, and mistakes. */
class LakeTest {
    private static final RowType BAR = (RowType) DataTypes.ROW(
                    DataTypes.FIELD("entity", DataTypes.STRING()), DataTypes.FIELD("start", DataTypes.BIGINT()),
                    DataTypes.FIELD("ratio", DataTypes.DOUBLE()), DataTypes.FIELD("version", DataTypes.BIGINT()))
            .getLogicalType();

    private final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();

    private static GenericRowData bar(Long start) {
        return GenericRowData.of(StringData.fromString("sim:BTC"), start, 0.5, 3L);
    }

    private DataStream<RowData> bars() {
        return env.fromData(InternalTypeInfo.of(BAR), bar(0L)).uid("bars");
    }

    private void upsert(String key, String time, String version) {
        Lake.upsert(bars(), "Gold", "file:///nowhere", "gold", "bar_key", List.of(key.split("\\+")), "event_date", time, version);
    }

    @ParameterizedTest
    @CsvSource({"0, 1970-01-01", "-1, 1969-12-31", "1723161254087896, 2024-08-08", "1723161600000000, 2024-08-09"})
    void theKeyIsInFrontAndTheDateBehind(long start, String date) {
        var step = KeyAndDate.of(BAR, "k", List.of("entity", "start"), "d", "start");
        assertThat(step.columns().getFieldNames()).containsExactly("k", "entity", "start", "ratio", "version", "d");
        assertThat(step.map(bar(start))).isEqualTo(GenericRowData.of(StringData.fromString("sim:BTC|" + start),
                StringData.fromString("sim:BTC"), start, 0.5, 3L, StringData.fromString(date)));
    }

    @Test
    void aKeyHasAllItsParts() {
        var step = KeyAndDate.of(BAR, "k", List.of("entity", "start"), "d", "version");
        assertThatThrownBy(() -> step.map(bar(null))).hasMessage("'start' is part of the key, and null");
    }

    @Test
    void operatorsHaveTheNameAsTheirUid() {
        upsert("entity+start", "start", "version");
        Lake.append(env.fromData(Types.ROW(Types.INT), Row.of(1)).uid("rows"), 0, "Bronze", "file:///nowhere", "bronze",
                "`id` STRING, `day` STRING", "id", "day", List.of());
        var nodes = env.getStreamGraph(false).getStreamNodes();
        var uids = nodes.stream().map(StreamNode::getTransformationUID).collect(Collectors.toSet());
        assertThat(uids).contains("Gold: key and date", "Gold", "Bronze", "Bronze: one-commit").doesNotContainNull();
        assertThat(nodes).filteredOn(node -> node.getOperatorName().startsWith("Gold"))
                .extracting(StreamNode::getParallelism).containsOnly(1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "nope | start | version | 'nope' must be one of [VARCHAR, BIGINT]; columns are ROW",
        "ratio | start | version | 'ratio' must be one of [VARCHAR, BIGINT]",
        "entity | entity | version | 'entity' must be one of [BIGINT]",
        "entity | start | nope | the ordering names [nope]; the table's columns are [bar_key, entity, start, ratio, version, event_date]",
        "entity | start | entity | ordering column 'entity' has type STRING",
    })
    void mistakesAreToldWhereTheJobIsBuilt(String key, String time, String version, String message) {
        assertThatThrownBy(() -> upsert(key, time, version)).isInstanceOf(ValidationException.class).hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "`id` STRING, `day` STRING | no | the record key names [no]",
        "`id` STRING, `day` TIME | id | column 'day' has type TIME",
    })
    void soAreThoseAboutFiles(String columns, String key, String message) {
        var rows = env.fromData(Types.ROW(Types.INT), Row.of(1));
        assertThatThrownBy(() -> Lake.append(rows, 0, "Bronze", "file:///nowhere", "bronze", columns, key, "day", List.of()))
                .isInstanceOf(ValidationException.class).hasMessageContaining(message);
    }
}
