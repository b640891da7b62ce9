package io.polyglot.hudi;

import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * {@code file://} without the two habits that cost most of a commit. Hadoop, where its native library is missing,
 * starts a chmod process for every file it creates, to set what the umask has set already; and it writes a second,
 * checksum file beside each. Files with checksums, written by others, are still checked, and lose them when replaced.
 */
public final class LocalFiles extends LocalFileSystem {
    public LocalFiles() {
        super(new WithoutChmod());
    }

    @Override
    public void initialize(URI name, Configuration conf) throws IOException {
        super.initialize(name, conf);
        setWriteChecksum(false);
    }

    private static final class WithoutChmod extends RawLocalFileSystem {
        @Override
        public void setPermission(Path path, FsPermission permission) {}
    }
}
