package io.polyglot.hudi;

import java.io.IOException;
import org.apache.hudi.common.model.HoodiePartitionMetadata;
import org.apache.hudi.common.model.HoodieWriteStat;
import org.apache.hudi.common.model.IOType;
import org.apache.hudi.config.HoodieWriteConfig;
import org.apache.hudi.storage.StoragePath;
import org.apache.hudi.table.HoodieTable;
import org.apache.hudi.table.marker.WriteMarkersFactory;

/** A base file that came whole: what Hudi's create handle does around its writer, without the writer. */
final class BaseFile {
    private BaseFile() {}

    /**
     * Puts a file into the table under an instant that has begun. The order is the create handle's: partition file,
     * marker, data; so a rollback finds by its marker whatever a crash has left.
     *
     * @param content of the file, with the token; changed in place
     */
    static HoodieWriteStat store(HoodieWriteConfig config, HoodieTable<?, ?, ?, ?> table, String instant, StagedFile file,
            byte[] content) throws IOException {
        if (LakeFile.bind(content, file.token(), instant) == 0) {
            throw new IOException(file.path() + " does not hold its token " + file.token());
        }
        var name = LakeFile.named(file.name(), file.token(), instant);
        var base = new StoragePath(config.getBasePath());
        var folder = file.partition().isEmpty() ? base : new StoragePath(base, file.partition());
        var storage = table.getStorage();
        storage.createDirectory(folder);
        new HoodiePartitionMetadata(storage, instant, base, folder, table.getPartitionMetafileFormat()).trySave();
        WriteMarkersFactory.get(config.getMarkersType(), table, instant).create(file.partition(), name, IOType.CREATE);
        try (var out = storage.create(new StoragePath(folder, name), false)) {
            out.write(content);
        }
        return stat(file, name, content.length);
    }

    private static HoodieWriteStat stat(StagedFile file, String name, long bytes) {
        var stat = new HoodieWriteStat();
        stat.setFileId(name.substring(0, name.indexOf('_')));
        stat.setPath(file.partition().isEmpty() ? name : file.partition() + "/" + name);
        stat.setPartitionPath(file.partition());
        stat.setPrevCommit(HoodieWriteStat.NULL_COMMIT);
        stat.setNumWrites(file.rows());
        stat.setNumInserts(file.rows());
        stat.setTotalWriteBytes(bytes);
        stat.setFileSizeInBytes(bytes);
        stat.setTotalWriteErrors(0);
        return stat;
    }
}
