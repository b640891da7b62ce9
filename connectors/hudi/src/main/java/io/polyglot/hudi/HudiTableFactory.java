package io.polyglot.hudi;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.logical.RowType;

/** {@code 'connector' = 'hudi'}. */
public final class HudiTableFactory implements DynamicTableSinkFactory {
    /** Hudi allows one writer per table without locks, and one instant per commit needs one owner. */
    private static final int ONE_WRITER = 1;

    @Override
    public String factoryIdentifier() {
        return "hudi";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of(HudiOptions.PATH);
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of(HudiOptions.TABLE_TYPE, HudiOptions.OPERATION, HudiOptions.TABLE_NAME, HudiOptions.RECORD_KEY,
                HudiOptions.ORDERING_FIELDS);
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context context) {
        var helper = FactoryUtil.createTableFactoryHelper(this, context);
        helper.validateExcept(HudiOptions.HOODIE_PREFIX, HudiOptions.HADOOP_PREFIX);
        var spec = spec(context, helper.getOptions());
        return new HudiTableSink(spec, new HudiSink(spec), ONE_WRITER);
    }

    private static TableSpec spec(Context context, ReadableConfig options) {
        var table = context.getCatalogTable();
        var rowType = (RowType) context.getPhysicalRowDataType().getLogicalType();
        var primaryKey = table.getResolvedSchema().getPrimaryKey().map(k -> k.getColumns()).orElse(List.of());
        var spec = new TableSpec(
                options.get(HudiOptions.PATH),
                options.getOptional(HudiOptions.TABLE_NAME).orElse(context.getObjectIdentifier().getObjectName()),
                TableSpec.parseType(options.get(HudiOptions.TABLE_TYPE)),
                TableSpec.parseOperation(options.get(HudiOptions.OPERATION)),
                rowType,
                options.getOptional(HudiOptions.RECORD_KEY).map(HudiTableFactory::split).orElse(primaryKey),
                List.copyOf(table.getPartitionKeys()),
                options.getOptional(HudiOptions.ORDERING_FIELDS).map(HudiTableFactory::split).orElse(List.of()),
                withPrefix(table.getOptions(), HudiOptions.HOODIE_PREFIX, HudiOptions.HOODIE_PREFIX),
                withPrefix(table.getOptions(), HudiOptions.HADOOP_PREFIX, ""));
        // Compiled once here so that a column type the sink cannot store fails the statement, not the running job.
        RowCodec.of(spec);
        RowKeys.of(spec);
        return spec;
    }

    static List<String> split(String columns) {
        return Arrays.stream(columns.split(",")).map(String::trim).filter(c -> !c.isEmpty()).toList();
    }

    static Map<String, String> withPrefix(Map<String, String> options, String prefix, String replacement) {
        var result = new HashMap<String, String>();
        options.forEach((key, value) -> {
            if (key.startsWith(prefix)) {
                result.put(replacement + key.substring(prefix.length()), value);
            }
        });
        return result;
    }
}
