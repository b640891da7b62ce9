package io.polyglot.hudi;

import io.polyglot.lake.TableLock;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hudi.client.transaction.lock.StorageBasedLockProvider;
import org.apache.hudi.common.engine.EngineType;
import org.apache.hudi.config.HoodieWriteConfig;
import org.apache.hudi.keygen.constant.KeyGeneratorType;
import org.apache.hudi.storage.StorageConfiguration;
import org.apache.hudi.storage.hadoop.HadoopStorageConfiguration;

/** Hudi and Hadoop settings of one table: defaults chosen for many small commits, then the table's own. */
final class HudiConfigs {
    private static final Map<String, String> DEFAULTS = Map.ofEntries(
            // A writer with file:// needs no server beside it, and its classes are not in the jar.
            Map.entry("hoodie.embed.timeline.server", "false"),
            Map.entry("hoodie.write.markers.type", "DIRECT"),
            // Spark's table services work beside the sink: whoever changes the timeline has the table's lock meanwhile.
            Map.entry("hoodie.write.concurrency.mode", "OPTIMISTIC_CONCURRENCY_CONTROL"),
            // What another writer has not finished is none of ours; ours is rolled back when the table is opened.
            Map.entry("hoodie.clean.failed.writes.policy", "LAZY"),
            // The metadata table costs several more files per commit; these tables have few files to list.
            Map.entry("hoodie.metadata.enable", "false"),
            // Rows are already unique per commit (UpsertWriter keeps the winner).
            Map.entry("hoodie.combine.before.upsert", "false"),
            Map.entry("hoodie.parquet.compression.codec", "snappy"),
            // Also how large a dictionary may become: columns of unique values (ids, payloads) give theirs up early.
            Map.entry("hoodie.parquet.page.size", String.valueOf(128 << 10)),
            Map.entry("hoodie.parquet.block.size", String.valueOf(32 << 20)),
            Map.entry("hoodie.parquet.small.file.limit", String.valueOf(32 << 20)),
            // For COPY_ON_WRITE; MERGE_ON_READ goes by BucketUpsert, which reads the number of buckets only.
            Map.entry("hoodie.index.type", "SIMPLE"),
            Map.entry("hoodie.bucket.index.num.buckets", "4"),
            Map.entry("hoodie.parquet.bloom.filter.enabled", "false"),
            // Old file versions and old instants go away in large steps, not a little at every commit.
            Map.entry("hoodie.clean.trigger.max.commits", "20"),
            Map.entry("hoodie.clean.commits.retained", "20"),
            Map.entry("hoodie.keep.min.commits", "50"),
            Map.entry("hoodie.keep.max.commits", "100"));

    private static final String LOCK = "hoodie.write.lock.provider";

    private static final Map<String, String> ON_THIS_HOST = Map.ofEntries(
            Map.entry(LOCK, TableLock.class.getName()),
            // Each instant sleeps this long to outwait other hosts' clocks; there is one host per table.
            Map.entry("hoodie.time.generator.max_expected_clock_skew_ms", "1"));

    private static final Map<String, String> ON_S3 = Map.ofEntries(
            Map.entry(LOCK, StorageBasedLockProvider.class.getName()),
            // A writer that was killed keeps the lock for so long, and a living one renews it in time.
            Map.entry("hoodie.write.lock.storage.validity.timeout.secs", "60"),
            Map.entry("hoodie.write.lock.storage.heartbeat.poll.secs", "5"));

    private HudiConfigs() {}

    static HoodieWriteConfig write(TableSpec spec, Schema schema) {
        var keys = RowKeys.of(spec);
        var props = new HashMap<>(DEFAULTS);
        props.putAll(spec.path().startsWith("s3") ? ON_S3 : ON_THIS_HOST);
        // Appends never replace a file, so there is nothing to clean.
        props.put("hoodie.clean.automatic", String.valueOf(spec.isUpsert()));
        props.put("hoodie.datasource.write.recordkey.field", String.join(",", spec.keyFields()));
        props.put("hoodie.datasource.write.partitionpath.field", String.join(",", spec.partitionFields()));
        // The table names the generator for Spark; this engine has the Avro one of the same meaning.
        props.put("hoodie.datasource.write.keygenerator.class", KeyGeneratorType.valueOf(keys.generator() + "_AVRO").getClassName());
        props.put("hoodie.datasource.write.partitionpath.urlencode", "true");
        if (!spec.orderingFields().isEmpty()) {
            props.put("hoodie.table.ordering.fields", String.join(",", spec.orderingFields()));
            props.put("hoodie.datasource.write.precombine.field", String.join(",", spec.orderingFields()));
        }
        props.putAll(spec.hoodie());
        return HoodieWriteConfig.newBuilder()
                .withEngineType(EngineType.JAVA)
                .withPath(spec.path())
                .forTable(spec.name())
                .withSchema(schema.toString())
                .withProps(props)
                .build();
    }

    static StorageConfiguration<Configuration> storage() {
        var conf = new Configuration();
        conf.setClass("fs.file.impl", LocalFiles.class, FileSystem.class);
        return new HadoopStorageConfiguration(conf);
    }
}
