package io.polyglot.hudi;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import org.apache.hudi.common.model.HoodieRecord;
import org.apache.hudi.common.model.HoodieWriteStat;
import org.apache.hudi.common.util.SizeEstimator;
import org.apache.hudi.config.HoodieWriteConfig;
import org.apache.hudi.index.bucket.BucketIdentifier;
import org.apache.hudi.io.HoodieAppendHandle;
import org.apache.hudi.table.HoodieTable;

/**
 * Upsert into a MERGE_ON_READ table by Hudi's bucket index: a key's hash names its file group, so rows go to that
 * group's log without any lookup, and a commit costs what its rows cost, however large the table is. Hudi's Java
 * client has the parts but no route between them.
 */
final class BucketUpsert {
    private record Group(String partition, String fileId) {}

    private static final long ROW_BYTES = 1_000;

    private BucketUpsert() {}

    static List<HoodieWriteStat> write(HoodieWriteConfig config, HoodieTable<?, ?, ?, ?> table, String instant,
            List<String> keyFields, List<HoodieRecord<Object>> records) {
        int buckets = config.getBucketIndexNumBuckets();
        var groups = new LinkedHashMap<Group, List<HoodieRecord<Object>>>();
        for (var record : records) {
            int bucket = BucketIdentifier.getBucketId(record.getRecordKey(), keyFields, buckets);
            // The file id without a random part: the same group for every writer, known without a listing.
            var group = new Group(record.getPartitionPath(), BucketIdentifier.newBucketFileIdForNBCC(bucket));
            groups.computeIfAbsent(group, g -> new ArrayList<>()).add(record);
        }
        var stats = new ArrayList<HoodieWriteStat>();
        groups.forEach((group, rows) -> {
            @SuppressWarnings("unchecked")
            var typed = (HoodieTable<Object, Object, Object, Object>) table;
            var log = new HoodieAppendHandle<>(config, instant, typed, group.partition, group.fileId, rows.iterator(),
                    table.getTaskContextSupplier()) {
                /** Sizes only decide where a log block of 256 MB ends; walking each record's object graph cost more than writing it. */
                @Override
                protected SizeEstimator<HoodieRecord> getSizeEstimator() {
                    return record -> ROW_BYTES;
                }
            };
            log.doAppend();
            log.close().stream().map(HudiTable::checked).forEach(stats::add);
        });
        return stats;
    }
}
