package io.polyglot.hudi;

import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;

/** DDL options. Names that the official Hudi Flink connector has too mean the same here. */
final class HudiOptions {
    static final ConfigOption<String> PATH =
            ConfigOptions.key("path").stringType().noDefaultValue().withDescription("Base path of the table.");

    static final ConfigOption<String> TABLE_TYPE = ConfigOptions.key("table.type")
            .stringType().defaultValue("COPY_ON_WRITE").withDescription("COPY_ON_WRITE or MERGE_ON_READ.");

    static final ConfigOption<String> OPERATION = ConfigOptions.key("write.operation")
            .stringType().defaultValue("upsert")
            .withDescription("upsert; what is only appended goes to a table of 'hudi-files'.");

    static final ConfigOption<String> TABLE_NAME = ConfigOptions.key("hoodie.table.name")
            .stringType().noDefaultValue().withDescription("Hudi table name; default: the Flink table's name.");

    static final ConfigOption<String> RECORD_KEY = ConfigOptions.key("hoodie.datasource.write.recordkey.field")
            .stringType().noDefaultValue().withDescription("Key columns, comma separated; default: the primary key.");

    static final ConfigOption<String> ORDERING_FIELDS = ConfigOptions.key("ordering.fields")
            .stringType().noDefaultValue().withFallbackKeys("precombine.field")
            .withDescription("Upsert: the row with the highest value of these columns wins.");

    /** Of {@link HudiFilesFactory}. */
    static final ConfigOption<String> COLUMNS = ConfigOptions.key("columns")
            .stringType().noDefaultValue()
            .withDescription("The lake table's columns as in a CREATE TABLE: name and type, comma separated.");

    static final ConfigOption<String> PARTITION = ConfigOptions.key("hoodie.datasource.write.partitionpath.field")
            .stringType().noDefaultValue().withDescription("Partition columns, comma separated; default: none.");

    /** Everything under these prefixes goes to Hudi and to Hadoop's Configuration (without the prefix). */
    static final String HOODIE_PREFIX = "hoodie.";
    static final String HADOOP_PREFIX = "hadoop.";

    private HudiOptions() {}
}
