package io.polyglot.lake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TableLockTest {
  @TempDir Path table;

  private TableLock lock() {
    return new TableLock(table.toUri().toString());
  }

  @Test
  void oneHasIt() {
    var first = lock();
    var second = lock();
    assertThat(first.tryLock(1, TimeUnit.SECONDS)).isTrue();
    assertThat(second.tryLock(50, TimeUnit.MILLISECONDS)).isFalse();
    second.close(); // whoever closes without having it takes it from nobody
    assertThat(lock().tryLock(50, TimeUnit.MILLISECONDS)).isFalse();
    first.unlock();
    var third = lock();
    assertThat(third.tryLock(1, TimeUnit.SECONDS)).isTrue();
    third.close();
    first.close();
  }

  @Test
  void itIsTakenOnceEachTime() {
    var one = lock();
    assertThat(one.tryLock(1, TimeUnit.SECONDS)).isTrue();
    assertThat(one.tryLock(50, TimeUnit.MILLISECONDS)).isFalse();
    one.close();
  }

  @Test
  void manyTakeItInTurn() throws Exception {
    var inside = new AtomicInteger();
    var most = new AtomicInteger();
    Callable<Void> twenty =
        () -> {
          try (var one = lock()) {
            for (int i = 0; i < 20; i++) {
              assertThat(one.tryLock(60, TimeUnit.SECONDS)).isTrue();
              most.accumulateAndGet(inside.incrementAndGet(), Math::max);
              Thread.yield();
              inside.decrementAndGet();
              one.unlock();
            }
          }
          return null;
        };
    var pool = Executors.newFixedThreadPool(4);
    var all = new ArrayList<Callable<Void>>();
    for (int i = 0; i < 4; i++) {
      all.add(twenty);
    }
    for (var done : pool.invokeAll(all)) {
      done.get();
    }
    pool.shutdown();
    assertThat(most).hasValue(1);
  }

  /** Takes the lock of a table, says so, and keeps it until it is killed. */
  static final class Holder {
    public static void main(String[] arguments) throws Exception {
      var lock = new TableLock(arguments[0]);
      System.out.println(lock.tryLock(10, TimeUnit.SECONDS));
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @Test
  void aKilledProcessLeavesItFree() throws Exception {
    var holder =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(), "-cp", System.getProperty("java.class.path"),
                Holder.class.getName(), table.toUri().toString())
            .start();
    try (var said = new BufferedReader(new InputStreamReader(holder.getInputStream()))) {
      assertThat(said.readLine()).isEqualTo("true");
      var mine = lock();
      assertThat(mine.tryLock(50, TimeUnit.MILLISECONDS)).isFalse();
      holder.destroyForcibly().waitFor();
      assertThat(mine.tryLock(10, TimeUnit.SECONDS)).isTrue();
      mine.close();
    } finally {
      holder.destroyForcibly();
    }
  }

  @Test
  void aTableElsewhereIsRefused() {
    assertThatThrownBy(() -> new TableLock("s3a://bucket/table")).hasMessageContaining("not on this host");
  }
}
