package io.polyglot.hudi;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.UUID;
import org.apache.hudi.common.table.HoodieTableMetaClient;
import org.apache.hudi.storage.HoodieStorage;
import org.apache.hudi.storage.HoodieStorageUtils;
import org.apache.hudi.storage.StoragePath;

/** Where files wait for the commit of their checkpoint: a folder of the table that no reader looks into. */
final class Staging {
    /** Files that an attempt left behind are older than this; those of writers that have just begun are not. */
    private static final long ABANDONED_MS = 3_600_000;

    private final StoragePath folder;
    private final HoodieStorage storage;

    Staging(TableSpec spec) throws IOException {
        this.folder = new StoragePath(new StoragePath(spec.path(), HoodieTableMetaClient.METAFOLDER_NAME), ".staged");
        this.storage = HoodieStorageUtils.getStorage(folder, HudiConfigs.storage());
    }

    StagedFile put(LakeFile file) throws IOException {
        storage.createDirectory(folder);
        var path = new StoragePath(folder, UUID.randomUUID().toString());
        try (var out = storage.create(path, false)) {
            out.write(file.content());
        }
        return new StagedFile(path.toString(), file.partition(), file.name(), file.token(), file.rows());
    }

    boolean has(StagedFile file) throws IOException {
        return storage.exists(new StoragePath(file.path()));
    }

    byte[] content(StagedFile file) throws IOException {
        try (var in = storage.open(new StoragePath(file.path()))) {
            return in.readAllBytes();
        }
    }

    /** Removes the content; not being there any more is fine. */
    void remove(StagedFile file) throws IOException {
        storage.deleteFile(new StoragePath(file.path()));
    }

    /** Removes what attempts have left behind that died before their checkpoint. */
    void removeAbandoned(long nowMs) throws IOException {
        try {
            for (var file : storage.listDirectEntries(folder)) {
                if (file.getModificationTime() < nowMs - ABANDONED_MS) {
                    storage.deleteFile(file.getPath());
                }
            }
        } catch (FileNotFoundException e) {
            // Nothing was ever staged.
        }
    }
}
