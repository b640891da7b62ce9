package io.polyglot.hudi;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.avro.generic.GenericRecord;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.RowType;
import org.apache.hadoop.conf.Configuration;
import org.apache.hudi.client.common.HoodieJavaEngineContext;
import org.apache.hudi.common.config.HoodieMetadataConfig;
import org.apache.hudi.common.model.HoodieTableType;
import org.apache.hudi.common.model.WriteOperationType;
import org.apache.hudi.common.table.HoodieTableMetaClient;
import org.apache.hudi.common.table.view.FileSystemViewManager;
import org.apache.hudi.storage.hadoop.HadoopStorageConfiguration;
import org.apache.parquet.avro.AvroParquetReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;

/** A small table, its rows, and an independent way to read what was committed. */
final class Fixtures {
    static final RowType ROW = (RowType) DataTypes.ROW(
                    DataTypes.FIELD("id", DataTypes.STRING().notNull()),
                    DataTypes.FIELD("day", DataTypes.DATE().notNull()),
                    DataTypes.FIELD("price", DataTypes.DECIMAL(27, 12)),
                    DataTypes.FIELD("payload", DataTypes.BYTES()),
                    DataTypes.FIELD("at", DataTypes.TIMESTAMP_LTZ(6)),
                    DataTypes.FIELD("version", DataTypes.BIGINT().notNull()))
            .getLogicalType();

    private Fixtures() {}

    static TableSpec spec(Path path, WriteOperationType operation) {
        return spec(path, operation, Map.of());
    }

    static TableSpec spec(Path path, WriteOperationType operation, Map<String, String> hoodie) {
        boolean upsert = operation == WriteOperationType.UPSERT;
        return new TableSpec(path.toUri().toString(), "t", HoodieTableType.COPY_ON_WRITE, operation, ROW, List.of("id"),
                List.of("day"), upsert ? List.of("version") : List.of(), hoodie);
    }

    static RowData row(int id, int day, long version) {
        return GenericRowData.of(StringData.fromString("k" + id), day,
                DecimalData.fromBigDecimal(BigDecimal.valueOf(-id, 3), 27, 12), ("p" + id).getBytes(StandardCharsets.UTF_8),
                TimestampData.fromEpochMillis(1_723_000_000_000L + id, 5_000), version);
    }

    static List<RowData> rows(int from, int to) {
        var rows = new ArrayList<RowData>();
        for (int id = from; id < to; id++) {
            rows.add(row(id, 20_000 + id % 2, 1));
        }
        return rows;
    }

    /** Every record that a reader of the table would see now, read from its files with plain Parquet. */
    static List<GenericRecord> read(Path table) {
        var storage = new HadoopStorageConfiguration(new Configuration());
        var metaClient = metaClient(table);
        var result = new ArrayList<GenericRecord>();
        try (var view = FileSystemViewManager.createInMemoryFileSystemView(new HoodieJavaEngineContext(storage), metaClient,
                HoodieMetadataConfig.newBuilder().enable(false).build())) {
            view.loadAllPartitions();
            for (var file : view.getLatestBaseFiles().toList()) {
                var in = HadoopInputFile.fromPath(new org.apache.hadoop.fs.Path(file.getPath()), storage.unwrap());
                try (var reader = AvroParquetReader.<GenericRecord>builder(in).build()) {
                    for (var record = reader.read(); record != null; record = reader.read()) {
                        result.add(record);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return result;
    }

    static List<String> ids(Path table) {
        return read(table).stream().map(r -> r.get("id").toString()).sorted().toList();
    }

    static List<String> expectedIds(int from, int to) {
        return rows(from, to).stream().map(r -> r.getString(0).toString()).sorted().toList();
    }

    static HoodieTableMetaClient metaClient(Path table) {
        return HoodieTableMetaClient.builder().setConf(new HadoopStorageConfiguration(new Configuration()))
                .setBasePath(table.toUri().toString()).build();
    }

    static int completedCommits(Path table) {
        return metaClient(table).getActiveTimeline().getCommitsTimeline().filterCompletedInstants().countInstants();
    }

    static int pendingInstants(Path table) {
        return metaClient(table).getActiveTimeline().filterInflightsAndRequested().countInstants();
    }
}
