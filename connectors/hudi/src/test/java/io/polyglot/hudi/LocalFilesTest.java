package io.polyglot.hudi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalFilesTest {
    @TempDir
    java.nio.file.Path folder;

    private final LocalFiles files = new LocalFiles();

    @BeforeEach
    void open() throws IOException {
        files.initialize(URI.create("file:///"), new Configuration());
    }

    private Path path(String name) {
        return new Path(folder.resolve(name).toUri());
    }

    @Test
    void listsFilesWithoutAskingForTheirOwners() throws IOException {
        Files.writeString(folder.resolve("a"), "12345");
        Files.createDirectory(folder.resolve("b"));
        var listed = Arrays.stream(files.listStatus(path(""))).sorted().toList();
        assertEquals(List.of("a", "b"), listed.stream().map(file -> file.getPath().getName()).toList());
        assertEquals(List.of(5L, true), List.of(listed.get(0).getLen(), listed.get(1).isDirectory()));
        // Hadoop's own status is of a class whose permissions are those that a process finds.
        listed.forEach(file -> assertEquals(FileStatus.class, file.getClass()));
        assertEquals(FileStatus.class, files.getFileStatus(path("a")).getClass());
        assertEquals(Files.getLastModifiedTime(folder.resolve("a")).toMillis(), files.getFileStatus(path("a")).getModificationTime());
    }

    @Test
    void listedFilesCanBeLocatedWithoutAProcess() throws IOException {
        Files.writeString(folder.resolve("a"), "");
        var located = files.listLocatedStatus(path(""));
        assertEquals("", located.next().getOwner());
    }

    @Test
    void whatIsNotThereIsNotFound() {
        assertThrows(FileNotFoundException.class, () -> files.getFileStatus(path("none")));
    }

    @Test
    void writesNoChecksumFile() throws IOException {
        files.create(path("a")).close();
        assertEquals(List.of("a"), Arrays.stream(folder.toFile().list()).toList());
    }
}
