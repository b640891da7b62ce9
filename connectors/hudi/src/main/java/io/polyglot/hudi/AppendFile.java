package io.polyglot.hudi;

import java.io.IOException;
import org.apache.avro.util.Utf8;
import org.apache.flink.table.data.RowData;
import org.apache.hudi.common.fs.FSUtils;
import org.apache.hudi.common.model.HoodieRecord;
import org.apache.hudi.common.model.HoodieWriteStat;
import org.apache.hudi.config.HoodieWriteConfig;
import org.apache.hudi.io.HoodieCreateHandle;
import org.apache.hudi.io.storage.HoodieAvroFileWriter;
import org.apache.hudi.table.HoodieTable;

/**
 * A new base file that takes rows as they come. Hudi's create handle does the marker, the partition file and the
 * statistics; only its way from record to file, which copies each record several times, is shortened.
 */
final class AppendFile extends HoodieCreateHandle<Object, Object, Object, Object> {
    private final AppendRecord record;
    private final String sequencePrefix;
    private final HoodieAvroFileWriter out;

    @SuppressWarnings("unchecked")
    AppendFile(HoodieWriteConfig config, String instant, HoodieTable<?, ?, ?, ?> table, String partition, RowCodec codec) {
        super(config, instant, (HoodieTable<Object, Object, Object, Object>) table, partition,
                FSUtils.createNewFileId(FSUtils.createNewFileIdPfx(), 0), table.getTaskContextSupplier());
        this.record = new AppendRecord(getWriterSchemaWithMetaFields().toAvroSchema(), codec);
        this.out = (HoodieAvroFileWriter) fileWriter;
        this.sequencePrefix = instant + "_0_";
        record.put(HoodieRecord.COMMIT_TIME_METADATA_FIELD, new Utf8(instant));
        record.put(HoodieRecord.PARTITION_PATH_METADATA_FIELD, new Utf8(partition));
        record.put(HoodieRecord.FILENAME_METADATA_FIELD, new Utf8(path.getName()));
    }

    /**
     * Appends one row.
     *
     * @param sequence unique within the instant
     * @param key null: the sequence number is the key
     */
    void append(RowData row, long sequence, String key) throws IOException {
        var id = sequencePrefix + sequence;
        var recordKey = key == null ? id : key;
        record.put(1, id);
        record.put(2, recordKey);
        out.writeAvro(recordKey, record.show(row));
        recordsWritten++;
        insertRecordsWritten++;
    }

    /** False when the file has reached hoodie.parquet.max.file.size. */
    boolean hasRoom() {
        return fileWriter.canWrite();
    }

    HoodieWriteStat finish() {
        return close().get(0).getStat();
    }
}
