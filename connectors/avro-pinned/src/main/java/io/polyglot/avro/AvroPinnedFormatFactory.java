package io.polyglot.avro;

import java.nio.file.Path;
import java.util.Set;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.Projection;
import org.apache.flink.table.connector.format.DecodingFormat;
import org.apache.flink.table.connector.format.EncodingFormat;
import org.apache.flink.table.connector.format.ProjectableDecodingFormat;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.factories.DeserializationFormatFactory;
import org.apache.flink.table.factories.DynamicTableFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.factories.SerializationFormatFactory;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;

/** The format {@code avro-pinned}: Confluent wire format whose ids are pinned in a lock file. */
public final class AvroPinnedFormatFactory implements DeserializationFormatFactory, SerializationFormatFactory {
    public static final String IDENTIFIER = "avro-pinned";

    public static final ConfigOption<String> SCHEMAS = ConfigOptions.key("schemas")
            .stringType()
            .noDefaultValue()
            .withDescription("Folder with the .avsc files and ids.lock; read where the job is planned.");
    public static final ConfigOption<String> SCHEMA = ConfigOptions.key("schema")
            .stringType()
            .noDefaultValue()
            .withDescription("Name of the contract; its newest pinned version reads and writes.");
    public static final ConfigOption<OnError> ON_ERROR = ConfigOptions.key("on-error")
            .enumType(OnError.class)
            .defaultValue(OnError.FAIL)
            .withDescription("Message with a bad header, unknown id or bad body: fail the job, or skip and count it.");

    @Override
    public String factoryIdentifier() {
        return IDENTIFIER;
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of(SCHEMAS, SCHEMA);
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of(ON_ERROR);
    }

    @Override
    public Set<ConfigOption<?>> forwardOptions() {
        return Set.of(ON_ERROR);
    }

    @Override
    public DecodingFormat<DeserializationSchema<RowData>> createDecodingFormat(
            DynamicTableFactory.Context context, ReadableConfig options) {
        FactoryUtil.validateFactoryOptions(this, options);
        PinnedSchemas schemas = load(options);
        OnError onError = options.get(ON_ERROR);
        return new ProjectableDecodingFormat<>() {
            @Override
            public DeserializationSchema<RowData> createRuntimeDecoder(
                    DynamicTableSource.Context source, DataType physical, int[][] projections) {
                DataType projected = Projection.of(projections).project(physical);
                RowType columns = (RowType) projected.getLogicalType();
                AvroPinnedDeserializationSchema.plans(schemas, columns);
                return new AvroPinnedDeserializationSchema(
                        schemas, columns, source.createTypeInformation(projected), onError);
            }

            @Override
            public ChangelogMode getChangelogMode() {
                return ChangelogMode.insertOnly();
            }
        };
    }

    @Override
    public EncodingFormat<SerializationSchema<RowData>> createEncodingFormat(
            DynamicTableFactory.Context context, ReadableConfig options) {
        FactoryUtil.validateFactoryOptions(this, options);
        PinnedSchemas schemas = load(options);
        return new EncodingFormat<>() {
            @Override
            public SerializationSchema<RowData> createRuntimeEncoder(DynamicTableSink.Context sink, DataType consumed) {
                var schema = new AvroPinnedSerializationSchema(schemas, (RowType) consumed.getLogicalType());
                schema.plan();
                return schema;
            }

            @Override
            public ChangelogMode getChangelogMode() {
                return ChangelogMode.insertOnly();
            }
        };
    }

    private static PinnedSchemas load(ReadableConfig options) {
        return PinnedSchemas.load(Path.of(options.get(SCHEMAS)), options.get(SCHEMA));
    }
}
