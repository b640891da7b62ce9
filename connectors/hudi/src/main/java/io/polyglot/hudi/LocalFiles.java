package io.polyglot.hudi;

import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * {@code file://} without the three habits that cost most of a commit. Hadoop, where its native library is missing,
 * starts a chmod process for every file it creates, to set what the umask has set already; an ls process for every file
 * it lists, to learn owner and permissions, for which nobody asks here; and it writes a second, checksum file beside
 * each. Files with checksums, written by others, are still checked, and lose them when replaced.
 */
public final class LocalFiles extends LocalFileSystem {
    public LocalFiles() {
        super(new WithoutProcesses());
    }

    @Override
    public void initialize(URI name, Configuration conf) throws IOException {
        super.initialize(name, conf);
        setWriteChecksum(false);
    }

    private static final class WithoutProcesses extends RawLocalFileSystem {
        @Override
        public void setPermission(Path path, FsPermission permission) {}

        /** The same file, of an owner unknown; listings are made of these. */
        @Override
        public FileStatus getFileStatus(Path path) throws IOException {
            var file = super.getFileStatus(path);
            return new FileStatus(file.getLen(), file.isDirectory(), file.getReplication(), file.getBlockSize(),
                    file.getModificationTime(), file.getPath());
        }
    }
}
