package io.polyglot.clickhouse;

import java.util.HashSet;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.logical.RowType;

/** Makes the sinks of tables with {@code 'connector' = 'clickhouse'}. */
public final class ClickHouseTableFactory implements DynamicTableSinkFactory {
    public static final String IDENTIFIER = "clickhouse";

    @Override
    public String factoryIdentifier() {
        return IDENTIFIER;
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return ClickHouseOptions.REQUIRED;
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        Set<ConfigOption<?>> options = new HashSet<>(ClickHouseOptions.OPTIONAL);
        options.add(FactoryUtil.SINK_PARALLELISM);
        return options;
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context context) {
        FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
        helper.validate();
        RowType columns = (RowType) context.getPhysicalRowDataType().getLogicalType();
        return new ClickHouseTableSink(
                ClickHouseOptions.of(helper.getOptions()),
                columns,
                helper.getOptions().getOptional(FactoryUtil.SINK_PARALLELISM).orElse(null));
    }
}
