package io.polyglot.hudi;

import java.util.List;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;

/**
 * {@code 'connector' = 'hudi-files'}: a table of facts that are appended as complete Parquet files. Its one column, BYTES,
 * is what {@link LakeFile#read} takes apart; the lake table's own columns stand in the option {@code columns}.
 */
public final class HudiFilesFactory implements DynamicTableSinkFactory {
    @Override
    public String factoryIdentifier() {
        return "hudi-files";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of(HudiOptions.PATH, HudiOptions.COLUMNS);
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of(HudiOptions.TABLE_NAME, HudiOptions.RECORD_KEY, HudiOptions.PARTITION);
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context context) {
        var helper = FactoryUtil.createTableFactoryHelper(this, context);
        helper.validateExcept(HudiOptions.HOODIE_PREFIX, HudiOptions.HADOOP_PREFIX);
        requireOneColumn((RowType) context.getPhysicalRowDataType().getLogicalType());
        var options = helper.getOptions();
        var given = context.getCatalogTable().getOptions();
        var spec = new TableSpec(
                options.get(HudiOptions.PATH),
                options.getOptional(HudiOptions.TABLE_NAME).orElse(context.getObjectIdentifier().getObjectName()),
                HoodieTableType.COPY_ON_WRITE,
                WriteOperationType.BULK_INSERT,
                columns(options.get(HudiOptions.COLUMNS), context.getClassLoader()),
                options.getOptional(HudiOptions.RECORD_KEY).map(HudiTableFactory::split).orElse(List.of()),
                options.getOptional(HudiOptions.PARTITION).map(HudiTableFactory::split).orElse(List.of()),
                List.of(),
                HudiTableFactory.withPrefix(given, HudiOptions.HOODIE_PREFIX, HudiOptions.HOODIE_PREFIX),
                HudiTableFactory.withPrefix(given, HudiOptions.HADOOP_PREFIX, ""));
        // Compiled once here so that a column type the sink cannot store fails the statement, not the running job.
        RowCodec.of(spec);
        RowKeys.of(spec);
        return new HudiTableSink(spec, new FilesSink(spec), null);
    }

    private static RowType columns(String text, ClassLoader loader) {
        return (RowType) LogicalTypeParser.parse("ROW<" + text + ">", loader);
    }

    private static void requireOneColumn(RowType row) {
        var types = row.getChildren().stream().map(LogicalType::getTypeRoot).toList();
        if (!types.equals(List.of(LogicalTypeRoot.VARBINARY))) {
            throw new ValidationException("a table of 'hudi-files' has one column, of type BYTES; this one has " + row.asSummaryString());
        }
    }
}
