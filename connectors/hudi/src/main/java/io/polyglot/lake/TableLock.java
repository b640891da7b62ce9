package io.polyglot.lake;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import org.apache.hudi.common.config.LockConfiguration;
import org.apache.hudi.common.lock.LockProvider;
import org.apache.hudi.storage.StorageConfiguration;

/**
 * A table's lock on one host. The operating system keeps it, so it ends with the process that has it, and nobody else can
 * take it away. Hudi's own provider for files deletes the lock's file when a client closes, whoever holds it.
 */
public final class TableLock implements LockProvider<FileLock> {
  private static final String PATH = "hoodie.base.path";
  private static final long PAUSE_MS = 20;

  private final Path file;
  private FileChannel channel;
  private FileLock lock;

  /** Called by Hudi, by this signature. */
  public TableLock(LockConfiguration configuration, StorageConfiguration<?> storage) {
    this(configuration.getConfig().getString(PATH));
  }

  TableLock(String table) {
    file = local(table).resolve(".hoodie").resolve(".locks").resolve("writer");
  }

  private static Path local(String table) {
    if (!table.contains(":/")) {
      return Path.of(table);
    }
    if (!table.startsWith("file:")) {
      throw new IllegalArgumentException(table + " is not on this host: its lock cannot be a file here");
    }
    return Path.of(URI.create(table));
  }

  @Override
  public synchronized boolean tryLock(long time, TimeUnit unit) {
    long end = System.nanoTime() + unit.toNanos(time);
    try {
      if (channel == null) {
        Files.createDirectories(file.getParent());
        channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      }
      do {
        if (lock == null && take()) {
          return true;
        }
        Thread.sleep(PAUSE_MS);
      } while (System.nanoTime() < end);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return false;
  }

  private boolean take() throws IOException {
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException held) {
      return false; // by another client in this JVM
    }
    return lock != null;
  }

  @Override
  public synchronized void unlock() {
    try {
      if (lock != null) {
        lock.release();
        lock = null;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public synchronized void close() {
    unlock();
    try {
      if (channel != null) {
        channel.close();
        channel = null;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public synchronized FileLock getLock() {
    return lock;
  }
}
